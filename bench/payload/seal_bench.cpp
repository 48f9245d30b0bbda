// What the payload adds to an image: sealing, and opening what is read at several rates of wrong bits, at the size of
// the 256 px model. The key is there already, as in a batch; deriving it from a password once is the last line.
// docs/payload.md compares this with the time that anonymizing takes (g2face_peer).

#include <benchmark/benchmark.h>

#include <random>

#include "g2face/anonymizer.hpp"
#include "g2face/payload/sealed.hpp"

namespace g2face::bench {
namespace {

using namespace payload;

const Channel channel{.bits = 16384};

std::vector<float> somebody() {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> x(512);
  for (float& v : x) v = normal(random);
  return x;
}

void payload_seal(benchmark::State& state) {
  Sealer sealer = Sealer::with_key(Key::generate());
  const auto identity = somebody();
  sealer.seal(identity, channel, {});  // makes the codes
  for (auto unused : state) benchmark::DoNotOptimize(sealer.seal(identity, channel, {}));
}
BENCHMARK(payload_seal)->Unit(benchmark::kMillisecond);

/// The argument: images of a batch, which share the threads; time of all of them.
void payload_seal_batch(benchmark::State& state) {
  Sealer sealer = Sealer::with_key(Key::generate());
  const auto hide = seal_with(sealer, ModelConfig::preset("g2face-256"), {});
  const std::vector<float> one = somebody();
  Tensor identities({DType::f32, {state.range(0), 512}});
  for (std::size_t i = 0; i < identities.as<float>().size(); ++i)
    identities.mutable_as<float>()[i] = one[i % one.size()];
  hide(identities);
  for (auto unused : state) benchmark::DoNotOptimize(hide(identities));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(payload_seal_batch)->Arg(1)->Arg(16)->UseRealTime()->Unit(benchmark::kMillisecond);

/// The argument: bits wrong in a thousand.
void payload_open(benchmark::State& state) {
  const Key key = Key::generate();
  Sealer sealer = Sealer::with_key(key);
  Opener opener = Opener::with_key(key.copy());
  const auto bits = sealer.seal(somebody(), channel, {});
  std::mt19937 random(2);
  std::bernoulli_distribution flips(static_cast<double>(state.range(0)) / 1000);
  std::vector<float> logits;
  for (const std::uint8_t b : bits) logits.push_back((b != 0) != flips(random) ? 1.0F : -1.0F);
  for (auto unused : state) benchmark::DoNotOptimize(opener.open(logits, 512, channel, {}));
}
BENCHMARK(payload_open)->Arg(0)->Arg(10)->Arg(80)->Arg(160)->Unit(benchmark::kMillisecond);

/// Of an image that no payload is in.
void payload_refuse(benchmark::State& state) {
  Opener opener = Opener::with_key(Key::generate());
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<float> logits(channel.bits);
  for (float& z : logits) z = normal(random);
  for (auto unused : state) {
    try {
      opener.open(logits, 512, channel, {});
    } catch (const NotAuthentic&) {
    }
  }
}
BENCHMARK(payload_refuse)->Unit(benchmark::kMillisecond);

void payload_password(benchmark::State& state) {
  const Secret password(std::string_view("correct horse"));
  for (auto unused : state) benchmark::DoNotOptimize(password_key(password, {}, {}));
}
BENCHMARK(payload_password)->Unit(benchmark::kMillisecond)->Iterations(1);

}  // namespace
}  // namespace g2face::bench
