#include "g2face/eval/identity_policy.hpp"

#include <doctest/doctest.h>

#include <set>

#include "g2face/eval/linkage.hpp"
#include "g2face/eval/metrics.hpp"
#include "g2face/fill.hpp"
#include "g2face/models/networks.hpp"

using namespace g2face;

namespace {

Anonymizer small_model() {
  const ModelConfig config = ModelConfig::preset("g2face-slim-64");
  Parameters parameters = new_parameters(inference_networks(), config, Fill::reference);
  config.store(parameters);
  return Anonymizer(std::move(parameters), {.device = Device::parse("cpu"), .threads = 1});
}

}  // namespace

TEST_CASE("identity policy: draws until one is unlike enough, and says how like it is") {
  Anonymizer anonymizer = small_model();
  const Tensor face = fill("policy/face", {1, 3, 64, 64}, 0.9);
  const auto seed_of = [](std::uint32_t draw) { return seed_of_draw(77, draw); };
  const UnlikeFace first = anonymize_unlike(anonymizer, face, {}, seed_of, {});
  CHECK(first.seed == 77);
  CHECK(!first.worst);
  CHECK(cosine(first.face.virtual_identity, anonymizer.imagine(1, 77)) == doctest::Approx(1));

  // Of the first 5 draws the one that is the least like the original, by far enough to be told from the others.
  const Tensor original = anonymizer.analyze(face).identity;
  double least = 2, next = 2;
  std::uint32_t best = 0;
  for (std::uint32_t d = 0; d < 5; ++d) {
    const UnlikeFace one = anonymize_unlike(anonymizer, face, {}, seed_of, {.max_similarity = 1.1, .tries = 1}, d);
    const double worst = std::max(largest_cosine(anonymizer.imagine(1, seed_of(d)), original),
                                  largest_cosine(anonymizer.analyze(as_saved(one.face.image)).identity, original));
    CHECK(*one.worst == doctest::Approx(worst));
    next = std::min(next, std::max(least, worst));
    if (worst < least) {
      least = worst;
      best = d;
    }
  }
  REQUIRE(next > least);
  const double between = (least + next) / 2;
  const UnlikeFace found = anonymize_unlike(anonymizer, face, {}, seed_of, {.max_similarity = between, .tries = 5});
  CHECK(found.draw == best);
  CHECK(found.seed == seed_of(best));
  CHECK(*found.worst == doctest::Approx(least));

  // Nobody may look like the one that was drawn first.
  const Tensor stop = anonymizer.imagine(1, seed_of(0));
  CHECK_THROWS_WITH_AS(
      anonymize_unlike(anonymizer, face, {}, seed_of, {.max_similarity = 0.999999, .stop_list = stop, .tries = 1}),
      doctest::Contains("none was unlike enough"), Error);
  CHECK_THROWS_AS(anonymize_unlike(anonymizer, face, {}, seed_of, {.max_similarity = -1, .tries = 2}), Error);
}

TEST_CASE("identity policy: cosines, seeds and rounding") {
  const Tensor x = Tensor::from({1, 2}, {3, 4}), others = Tensor::from({3, 2}, {-4, 3, 4, -3, 4, 3});
  CHECK(largest_cosine(x, others) == doctest::Approx(24.0 / 25));
  CHECK_THROWS_AS(largest_cosine(x, Tensor::from({1, 3}, {1, 2, 3})), ShapeError);
  CHECK_THROWS_AS(largest_cosine(x, Tensor::from({1, 2}, {0, 0})), Error);
  std::set<std::uint64_t> seeds;
  for (std::uint32_t d = 0; d < 100; ++d) seeds.insert(seed_of_draw(5, d));
  CHECK(seeds.size() == 100);
  CHECK(*seeds.rbegin() < (std::uint64_t{1} << 53));
  const Tensor saved = as_saved(Tensor::from({1, 1, 1, 3}, {-3, 0.001F, 1.5F}));
  CHECK(saved.as<float>()[0] == -1);
  CHECK(saved.as<float>()[1] == doctest::Approx(128 / 127.5 - 1));
  CHECK(saved.as<float>()[2] == 1);
}

TEST_CASE("linkage: finds who is there, and knows what guessing finds") {
  const Tensor people = Tensor::from({4, 3}, {1, 0, 0, 0, 1, 0, 0, 0, 1, -1, -1, -1});
  const Retrieval all = retrieve(people, people);
  CHECK(all.hits == 4);
  CHECK(all.own_cosine == doctest::Approx(1));
  CHECK(all.chance_of_as_many == doctest::Approx(1.0 / 256));
  CHECK(!all.is_chance());
  const Tensor others = Tensor::from({4, 3}, {0, 1, 0, 0, 0, 1, -1, -1, -1, 1, 0, 0});
  const Retrieval none = retrieve(people, others);
  CHECK(none.hits == 0);
  CHECK(none.chance_of_as_many == doctest::Approx(1));
  CHECK(none.is_chance());
  CHECK_THROWS_AS(retrieve(people, Tensor::from({1, 3}, {1, 2, 3})), ShapeError);
}
