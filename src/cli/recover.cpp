// g2face recover: anonymized photos in, originals out.

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>

#include "cli/common.hpp"
#include "g2face/image.hpp"
#include "io/json_text.hpp"
#include "io/sha256.hpp"

namespace g2face::cli {

namespace {

struct Options : FaceOptions {
  std::uint64_t seed = 0;
};

/// How sure the extractor is of its bits: the mean of |logit|.
double mean_margin(const Tensor& logits) {
  double sum = 0;
  for (const float x : logits.as<float>()) sum += std::abs(static_cast<double>(x));
  return sum / static_cast<double>(logits.numel());
}

int run(const Options& o) {
  check<UsageError>(o.aligned, "recover: faces are not looked for yet: give aligned face crops and say --aligned");
  check<UsageError>(o.sealed() || !names_a_secret(o.secret), "recover: --payload paper needs no secret: leave it out");
  const auto items = find_items(o.inputs, o.output, o.items);
  const std::filesystem::path model = model_path(o.model);
  std::optional<payload::Opener> opener;
  if (o.sealed()) opener.emplace(make_opener(o.secret));
  Anonymizer anonymizer(model.string(), resolve(o.common));
  RecoverOptions options{.seed = o.seed};
  if (opener) {
    const ModelConfig& config = anonymizer.config();
    const payload::Binding binding = binding_of(o.secret, config.resolution, io::sha256_of_file(model));
    options.reveal = open_with(*opener, config, binding, channel_map(o.secret));
  }
  const int code = for_each_item(items, [&](const Item& item) {
    const auto start = std::chrono::steady_clock::now();
    const Tensor image = load_face(item.input, anonymizer.config());
    const Recovered result = anonymizer.recover(image, options);
    write_picture(item.output, result.image);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    if (!o.common.json) return ItemResult::done;
    std::cout << io::JsonObject()
                     .set("input", item.input.string())
                     .set("output", item.output.string())
                     .set("mean_logit_margin", mean_margin(result.logits))
                     .set("seconds", took.count())
                     .str()
              << "\n";
    return ItemResult::done;
  });
  if (o.common.print_plan) std::cerr << anonymizer.print_plans(true);
  return code;
}

}  // namespace

void add_recover(CLI::App& app, int& code) {
  CLI::App* command = app.add_subcommand("recover", "Undo 'anonymize' from the anonymized images alone");
  const auto o = std::make_shared<Options>();
  add_face_options(*command, *o);
  command->add_option("--seed", o->seed, "decides the generator's noise")
      ->check(CLI::Range(std::uint64_t{0}, seed_limit - 1));
  command->callback([o, &code] { code = run(*o); });
}

}  // namespace g2face::cli
