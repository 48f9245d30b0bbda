// g2face anonymize: photos in, other people's faces out.

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <ctime>
#include <future>
#include <iostream>
#include <memory>
#include <optional>

#include "cli/carriers.hpp"
#include "cli/common.hpp"
#include "cli/identity_options.hpp"
#include "g2face/eval/metrics.hpp"
#include "g2face/image.hpp"
#include "io/atomic_file.hpp"
#include "io/embedded.hpp"
#include "io/face_manifest.hpp"
#include "io/image_codec.hpp"
#include "io/sha256.hpp"

namespace g2face::cli {

namespace {

struct Options : FaceOptions {
  IdentityOptions identity;
  std::string manifest;
  CarrierOptions carriers;
  bool no_recovery = false, no_manifest = false, resume = false;
};

/// Where the lines go: as asked for; by default beside the results if these fill a folder, and nowhere for one file.
std::filesystem::path manifest_path(const Options& o, const std::vector<Item>& items) {
  check<UsageError>(!o.no_manifest || o.manifest.empty(), "--manifest and --no-manifest: give one of them");
  std::filesystem::path path = o.manifest;
  const bool one_file = items.size() == 1 && items[0].output == o.output;
  if (path.empty() && !o.no_manifest && !one_file) path = std::filesystem::path(o.output) / "manifest.jsonl";
  check<UsageError>(!o.resume || !path.empty(), "--resume: nothing says what is done: give the earlier --manifest");
  for (const Item& item : items) {
    std::error_code ignored;
    const bool taken = std::filesystem::equivalent(path, item.input, ignored) ||
                       path.lexically_normal() == item.output.lexically_normal();
    check<UsageError>(path.empty() || !taken, path.string(), ": is the picture ", item.input.string(),
                      " or its result: choose another --manifest");
  }
  return path;
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

bool is_jpeg(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  return extension.size() > 1 && (extension[1] == 'j' || extension[1] == 'J');
}

std::string sha256_if_there(const std::filesystem::path& path) {
  try {
    return io::sha256_of_file(path);
  } catch (const io::FileError&) {
    return "";
  }
}

/// What seals, for each kind of carrier.
struct Sealing {
  std::optional<payload::Sealer> pixels;
  std::optional<payload::SideLocks> side;
};
Sealing make_sealing(const SecretOptions& o, const Carriers& carriers) {
  const Secrets secrets = read_sealing_secrets(o);
  Sealing sealing;
  if (carriers.pixels) sealing.pixels.emplace(make_sealer(secrets));
  if (carriers.side()) sealing.side.emplace(make_locks(secrets));
  return sealing;
}

/// The run: a model, a manifest, and what one picture goes through.
class Run {
 public:
  Run(const Options& o, const std::vector<Item>& items)
      : options_(o),
        identity_(o.identity, o.secret.key),
        model_(model_path(o.model)),
        carriers_(carriers_of(o, items)),
        sealing_(seals() ? make_sealing(o.secret, carriers_) : Sealing()),
        anonymizer_(model_.string(), resolve(o.common)) {
    const std::filesystem::path path = manifest_path(o, items);
    if (!path.empty()) {
      make_folder_of(path);
      manifest_.emplace(path);
      if (manifest_->was_cut()) {
        say(LogLevel::warning, str(path.string(), ": its last line was cut, as by a crash, and is removed"));
      }
    }
    // Reading a large model takes seconds, which the first picture's plans take anyhow.
    if (records() || seals() || identity_.needs_model_hash())
      model_hash_ = std::async(std::launch::async, io::sha256_of_file, model_).share();
    identity_.begin(anonymizer_, identity_.needs_model_hash() ? model_hash_.get() : "");
    if (sealing_.pixels) {
      check_capacity();
    } else if (!seals() && !o.no_recovery) {
      say(LogLevel::warning, "payload paper: it protects nothing; whoever has the model can recover the original");
    }
  }

  ItemResult work(const Item& item) {
    const auto start = std::chrono::steady_clock::now();
    io::FaceRecord r;
    r.input = item.input.string();
    r.output = item.output.string();
    r.identity = options_.identity.identity;
    r.seed = identity_.given_seed();
    r.recoverable = !options_.no_recovery;
    if (r.recoverable) {
      r.payload = options_.payload;
      r.carriers = carriers_.names();
      r.exact = options_.carriers.exact;
    }
    try {
      const std::vector<std::uint8_t> bytes = read_picture(item.input);
      r.input_sha256 = io::sha256(bytes);
      if (is_done(r, item)) return ItemResult::done_before;
      replace(item, bytes, r);
    } catch (const io::FileError&) {
      throw;  // of the model or the manifest, not of this picture
    } catch (const std::exception& e) {
      r.reason = message_of(e, r.input);
      r.output_sha256.clear();
      finish(r, start);
      throw;
    }
    finish(r, start);
    return ItemResult::done;
  }

  /// What is to be said at the end, if anything.
  std::string summary() const { return identity_.summary(); }
  std::string print_plans() { return anonymizer_.print_plans(true); }

 private:
  bool seals() const { return options_.sealed() && !options_.no_recovery; }
  /// One set for all, so that the manifest's lines are alike: what each result has a place for.
  static Carriers carriers_of(const Options& o, const std::vector<Item>& items) {
    const Carriers carriers = carriers_for(o.carriers, items.front().output);
    for (const Item& item : items) carriers_for(o.carriers, item.output);
    return carriers;
  }
  void check_capacity() const {
    const ModelConfig& config = anonymizer_.config();
    const payload::Channel channel{.bits = static_cast<std::size_t>(config.bit_count()),
                                   .map = channel_map(options_.secret.map, anonymizer_)};
    const payload::Layout layout = payload::layout(channel.capacity(), static_cast<std::size_t>(config.identity_dim),
                                                   sealing_.pixels->lock_bytes());
    if (layout.bits_per_value < 6) {
      say(LogLevel::warning, str("the model hides ", channel.capacity(), " bits: identities are kept in ",
                                 layout.bits_per_value, " bits a value, and recovered less exactly, instead of in 6"));
    }
  }
  bool records() const { return manifest_ || options_.common.json; }

  bool is_done(io::FaceRecord& r, const Item& item) {
    if (!options_.resume) return false;
    r.model_sha256 = model_hash_.get();
    std::error_code ignored;
    if (carriers_.file && !std::filesystem::exists(side_file_of(item.output), ignored)) return false;
    return manifest_->has(r, sha256_if_there(item.output), options_.identity.max_similarity);
  }

  void replace(const Item& item, std::span<const std::uint8_t> bytes, io::FaceRecord& r) {
    const Tensor picture = decode_picture(bytes, item.input);
    r.box = {0, 0, picture.shape()[3], picture.shape()[2]};
    const Tensor face = face_of(picture, item.input, anonymizer_.config());
    const bool hides = r.recoverable && carriers_.pixels;
    AnonymizeOptions options{.recoverable = hides};
    if (sealing_.pixels) {
      const ModelConfig& config = anonymizer_.config();
      const payload::Binding binding = binding_of(options_.secret, config.resolution, model_hash_.get());
      options.hide = seal_with(*sealing_.pixels, config, binding, channel_map(options_.secret.map, anonymizer_));
    }
    const UnlikeFace drawn = identity_.draw(anonymizer_, face, options, r.input_sha256);
    const Anonymized& result = drawn.face;
    if (drawn.worst) r.drawn = io::DrawnIdentity{.draws = drawn.draw + 1, .worst_similarity = *drawn.worst};
    if (r.recoverable && carriers_.side()) {
      write_with_side_data(item, result, bytes, r);
    } else {
      write_picture(item.output, result.image);
    }
    std::error_code ignored;
    if (!carriers_.file && std::filesystem::exists(side_file_of(item.output), ignored))
      say(LogLevel::warning, str(side_file_of(item.output).string(), ": is of an earlier result: remove it"));
    if (!records() && !is_jpeg(item.output)) return;

    const std::vector<std::uint8_t> file = read_picture(item.output);
    r.output_sha256 = io::sha256(file);
    r.measures = measure(result, decode_picture(file, item.output), hides);
    if (is_jpeg(item.output) && hides) {
      say(LogLevel::warning, str(r.output, ": as JPEG, ", 100 * (1 - *r.measures->bit_error_rate),
                                 " % of the hidden bits are read back right; --carrier chunk does not depend on them"));
    }
  }

  void write_with_side_data(const Item& item, const Anonymized& result, std::span<const std::uint8_t> original,
                            const io::FaceRecord& r) {
    const std::vector<std::uint8_t> file = io::encode_image(result.image, item.output.string());
    payload::SideFace face;
    std::copy(r.box.begin(), r.box.end(), face.box.begin());
    const auto identity = result.identity.as<float>();
    face.identity.assign(identity.begin(), identity.end());
    if (r.exact) face.original.assign(original.begin(), original.end());
    const payload::SideBinding binding{.picture = io::picture_digest(file, item.output.string()),
                                       .file = options_.secret.bind};
    const auto side =
        payload::seal_side(std::span(&face, 1), model_hash_.get(), carriers_.pixels, binding, *sealing_.side);
    write_with_side(item.output, file, side, carriers_);
  }

  io::FaceMeasures measure(const Anonymized& result, const Tensor& written, bool recoverable) {
    io::FaceMeasures m;
    m.similarity_before = cosine(result.identity, result.virtual_identity);
    m.similarity_after = cosine(result.identity, anonymizer_.analyze(written).identity);
    if (recoverable) {
      const Tensor logits = anonymizer_.read_bits(written);
      m.bit_error_rate = bit_error_rate(logits, result.bits);
      m.payload_margin = payload_margin(logits, result.bits);
    }
    return m;
  }

  void finish(io::FaceRecord& r, std::chrono::steady_clock::time_point start) {
    if (!records()) return;
    r.model_sha256 = model_hash_.get();
    r.time = utc_now();
    r.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (manifest_) manifest_->append(r);
    if (options_.common.json) std::cout << io::to_json(r) << std::endl;
  }

  const Options& options_;
  IdentitySource identity_;
  std::filesystem::path model_;
  Carriers carriers_;
  Sealing sealing_;
  Anonymizer anonymizer_;
  std::optional<io::FaceManifest> manifest_;
  std::shared_future<std::string> model_hash_;
};

int run(const Options& o) {
  check<UsageError>(o.aligned, "anonymize: faces are not looked for yet: give aligned face crops and say --aligned");
  check<UsageError>(!names_a_secret(o.secret) || (o.sealed() && !o.no_recovery),
                    "anonymize: ", o.no_recovery ? "--no-recovery" : "--payload paper",
                    " needs no secret: leave it out");
  check<UsageError>((o.carriers.names.empty() && !o.carriers.exact) || (o.sealed() && !o.no_recovery),
                    "anonymize: ", o.no_recovery ? "--no-recovery carries nothing" : "--payload paper is in the pixels",
                    ": leave --carrier and --exact out");
  const auto items = find_items(o.inputs, o.output, o.items);
  Run all(o, items);
  const int code = for_each_item(items, [&](const Item& item) { return all.work(item); });
  if (const std::string summary = all.summary(); !summary.empty()) say(LogLevel::info, summary);
  if (o.common.print_plan) std::cerr << all.print_plans();
  return code;
}

}  // namespace

void add_anonymize(CLI::App& app, int& code) {
  CLI::App* command = app.add_subcommand("anonymize", "Replace faces by those of people who do not exist");
  const auto o = std::make_shared<Options>();
  add_face_options(*command, *o);
  add_identity_options(*command, o->identity);
  command->add_flag("--no-recovery", o->no_recovery, "hide nothing; the original is lost");
  command->add_option("--recipient", o->secret.recipients,
                      "seal for the holder of this public key, who alone can recover; may be repeated");
  add_carrier_options(*command, o->carriers);
  command->add_option("--manifest", o->manifest,
                      "append a line of JSON for each face, measures included (default: manifest.jsonl in the output "
                      "folder; none if the output is one file)");
  command->add_flag("--no-manifest", o->no_manifest, "write none");
  command->add_flag("--resume", o->resume, "skip what the manifest says is done: same content, model and options");
  command->callback([o, &code] { code = run(*o); });
}

}  // namespace g2face::cli
