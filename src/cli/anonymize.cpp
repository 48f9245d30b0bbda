// g2face anonymize: photos in, other people's faces out.

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>
#include <random>

#include "cli/common.hpp"
#include "g2face/image.hpp"
#include "io/json_text.hpp"
#include "io/sha256.hpp"

namespace g2face::cli {

namespace {

struct Options : FaceOptions {
  std::string identity = "per-image";
  std::optional<std::uint64_t> seed;
  bool no_recovery = false;
};

constexpr std::uint64_t seed_limit = std::uint64_t{1} << 53;

/// Whose face is drawn: decides the seed of each image.
struct Identity {
  std::optional<std::uint64_t> fixed;   // seed:N
  std::optional<std::uint64_t> source;  // --seed N

  /// `input_hash` is the SHA-256 of the input file.
  std::uint64_t seed_for(const std::string& input_hash) const {
    if (fixed) return *fixed;
    if (source) return std::stoull(io::sha256(str(*source, " ", input_hash)).substr(0, 13), nullptr, 16);  // 52 bits
    std::random_device random;
    return ((std::uint64_t{random()} << 32) | random()) % seed_limit;
  }
};

Identity parse_identity(const std::string& text, const std::optional<std::uint64_t>& source) {
  check<UsageError>(text != "per-project",
                    "--identity per-project: pseudonyms need a password, which this version does not take yet: give "
                    "per-image or seed:N");
  if (text == "per-image") return {.fixed = {}, .source = source};
  check<UsageError>(!source, "--seed and --identity ", text, " both say what to draw: give one of them");
  const std::string prefix = "seed:";
  std::uint64_t seed = 0;
  const char* begin = text.data() + std::min(prefix.size(), text.size());
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(begin, end, seed);
  check<UsageError>(
      text.starts_with(prefix) && error == std::errc() && stop == end && begin != end && seed < seed_limit,
      "--identity ", text, ": give per-image or seed:N with N below 2^53");
  return {.fixed = seed, .source = {}};
}

int run(const Options& o) {
  check<UsageError>(o.aligned, "anonymize: faces are not looked for yet: give aligned face crops and say --aligned");
  check<UsageError>(o.no_recovery || o.payload == "paper",
                    "anonymize: say --payload paper (hides the identity in clear: whoever has the model can recover "
                    "it), or --no-recovery");
  const Identity identity = parse_identity(o.identity, o.seed);
  const auto items = find_items(o.inputs, o.output, o.items);
  Anonymizer anonymizer(model_path(o.model), resolve(o.common));
  if (!o.no_recovery)
    say(LogLevel::warning, "payload paper: it protects nothing; whoever has the model can recover the original");
  const int code = for_each_item(items, [&](const Item& item) {
    const auto start = std::chrono::steady_clock::now();
    const std::vector<std::uint8_t> bytes = read_picture(item.input);
    const std::uint64_t seed = identity.seed_for(io::sha256(bytes));
    const Tensor face = face_of(decode_picture(bytes, item.input), item.input, anonymizer.config());
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
  command->add_option("--identity", o->identity, "per-image (fresh randomness) or seed:N (all images get the same one)")
      ->capture_default_str();
  command->add_option("--seed", o->seed, "draw the per-image identities from N and the file's content: reproducible")
      ->check(CLI::Range(0.0, 9007199254740991.0));
  command->add_flag("--no-recovery", o->no_recovery, "hide nothing; the original is lost");
  command->callback([o, &code] { code = run(*o); });
}

}  // namespace g2face::cli
