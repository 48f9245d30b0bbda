// g2face anonymize: photos in, other people's faces out.

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <iostream>
#include <memory>
#include <random>

#include "cli/common.hpp"
#include "g2face/image.hpp"
#include "io/json_text.hpp"

namespace g2face::cli {

namespace {

struct Options : FaceOptions {
  std::string identity = "per-image";
  bool no_recovery = false;
};

/// A seed for the image: given with seed:N, otherwise fresh.
std::uint64_t seed_for(const std::string& identity) {
  if (identity == "per-image") {
    std::random_device source;
    return ((std::uint64_t{source()} << 32) | source()) >> 11;  // 53 bits
  }
  const std::string prefix = "seed:";
  std::uint64_t seed = 0;
  const char* begin = identity.data() + std::min(prefix.size(), identity.size());
  const char* end = identity.data() + identity.size();
  const auto [stop, error] = std::from_chars(begin, end, seed);
  check<UsageError>(identity.starts_with(prefix) && error == std::errc() && stop == end && begin != end &&
                        seed < (std::uint64_t{1} << 53),
                    "--identity ", identity, ": give per-image or seed:N with N below 2^53");
  return seed;
}

int run(const Options& o) {
  check<UsageError>(o.aligned, "anonymize: faces are not looked for yet: give aligned face crops and say --aligned");
  check<UsageError>(o.no_recovery || o.payload == "paper",
                    "anonymize: say --payload paper (hides the identity in clear: whoever has the model can recover "
                    "it), or --no-recovery");
  seed_for(o.identity);
  const auto items = find_items(o.inputs, o.output, o.items);
  Anonymizer anonymizer(model_path(o.model), resolve(o.common));
  if (!o.no_recovery)
    say(o.common, "payload paper: it protects nothing; whoever has the model can recover the original");
  const int code = for_each_item(items, o.common, [&](const Item& item) {
    const auto start = std::chrono::steady_clock::now();
    const std::uint64_t seed = seed_for(o.identity);
    const Tensor face = load_face(item.input, anonymizer.config());
    const Anonymized result = anonymizer.anonymize(face, {.seed = seed, .recoverable = !o.no_recovery});
    save_image(item.output, result.image);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    if (!o.common.json) return;
    std::cout << io::JsonObject()
                     .set("input", item.input.string())
                     .set("output", item.output.string())
                     .set("action", "replaced")
                     .set("seed", static_cast<std::int64_t>(seed))
                     .set("recoverable", !o.no_recovery)
                     .set("seconds", took.count())
                     .str()
              << "\n";
  });
  if (o.common.print_plan) std::cerr << anonymizer.print_plans(true);
  return code;
}

}  // namespace

void add_anonymize(CLI::App& app, int& code) {
  CLI::App* command = app.add_subcommand("anonymize", "Replace faces by those of people who do not exist");
  const auto o = std::make_shared<Options>();
  add_face_options(*command, *o);
  command->add_option("--identity", o->identity, "per-image (fresh randomness) or seed:N (reproducible)")
      ->capture_default_str();
  command->add_flag("--no-recovery", o->no_recovery, "hide nothing; the original is lost");
  command->callback([o, &code] { code = run(*o); });
}

}  // namespace g2face::cli
