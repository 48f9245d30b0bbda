// g2face recover: anonymized photos in, originals out.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <future>
#include <iostream>
#include <memory>

#include "cli/carriers.hpp"
#include "cli/common.hpp"
#include "g2face/image.hpp"
#include "io/embedded.hpp"
#include "io/json_text.hpp"
#include "io/sha256.hpp"

namespace g2face::cli {

namespace {

struct Options : FaceOptions {
  std::uint64_t seed = 0;
  std::string on_failure = "refuse";
  bool decoys() const { return on_failure == "decoy"; }
};

/// How sure the extractor is of its bits: the mean of |logit|.
double mean_margin(const Tensor& logits) {
  double sum = 0;
  for (const float x : logits.as<float>()) sum += std::abs(static_cast<double>(x));
  return sum / static_cast<double>(logits.numel());
}

/// The secret and what it opened so far.
struct Openers {
  Secrets secrets;
  payload::Opener pixels;
  payload::SideOpener side;
};
Openers make_openers(const SecretOptions& o) {
  Secrets secrets = read_opening_secrets(o);
  payload::Opener pixels = make_opener(secrets);
  payload::SideOpener side = make_side_opener(secrets);
  return {std::move(secrets), std::move(pixels), std::move(side)};
}

Tensor identity_of(const payload::SideFace& face) {
  Tensor identity({DType::f32, {1, static_cast<std::int64_t>(face.identity.size())}});
  std::copy(face.identity.begin(), face.identity.end(), identity.mutable_as<float>().begin());
  return identity;
}

/// Side data that opened.
struct OpenedData {
  std::string carrier, model;
  payload::SideFace face;
};

class Run {
 public:
  explicit Run(const Options& o) : options_(o) {
    // What was made with --exact needs no model; a decoy is drawn by one.
    const auto model = o.decoys() ? model_path(o.model) : named_model(o.model);
    if (o.sealed()) openers_.emplace(make_openers(o.secret));
    if (model) load(*model);
  }

  ItemResult work(const Item& item) {
    const auto start = std::chrono::steady_clock::now();
    const std::vector<std::uint8_t> file = read_picture(item.input);
    said_ = io::JsonObject();
    said_.set("input", item.input.string()).set("output", item.output.string());
    // Whether it is needed or not, so that it does not show by its time.
    if (options_.decoys()) {
      decoy_ = anonymizer_->imagine(1, decoy_seed(openers_->secrets, io::picture_digest(file, item.input.string())));
    }
    const Found found = openers_ ? open_side(item, file) : Found();
    const bool exact = found.opened && !found.opened->face.original.empty();
    say_unless_decoys("carrier", found.opened ? found.opened->carrier : "pixels");
    say_unless_decoys("exact", exact);
    if (exact) {
      restore(item, found.opened->face);
    } else {
      write_picture(item.output, generate(item, file, found));
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    if (options_.common.json) std::cout << said_.set("seconds", took.count()).str() << "\n";
    return ItemResult::done;
  }

  std::string print_plans() { return anonymizer_ ? anonymizer_->print_plans(true) : ""; }

 private:
  void load(const std::filesystem::path& model) {
    anonymizer_.emplace(model.string(), resolve(options_.common));
    model_hash_ = std::async(std::launch::deferred, io::sha256_of_file, model).share();
  }

  /// Nothing that a decoy would not have to say too.
  template <class T>
  void say_unless_decoys(std::string_view key, const T& value) {
    if (!options_.decoys()) said_.set(key, value);
  }

  /// What the side data of a picture came to.
  struct Found {
    std::optional<OpenedData> opened;  // the exact before others
    std::string failure;               // why something did not open
  };
  Found open_side(const Item& item, std::span<const std::uint8_t> file) {
    Found found;
    for (const SideData& side : find_side_data(item.input, file)) {
      try {
        OpenedData opened = open_one(side, item, file);
        const bool is_exact = !opened.face.original.empty();
        if (!found.opened || (is_exact && found.opened->face.original.empty())) found.opened = std::move(opened);
      } catch (const payload::NotAuthentic& e) {
        found.failure = e.what();
      }
    }
    return found;
  }

  OpenedData open_one(const SideData& side, const Item& item, std::span<const std::uint8_t> file) {
    const payload::SideBinding binding{.picture = io::picture_digest(file, item.input.string()),
                                       .file = options_.secret.bind};
    payload::OpenedSide opened = openers_->side.open(side.bytes, binding);
    check<payload::NotAuthentic>(opened.faces.size() == 1 && opened.faces[0].face == 0, "the side data is of ",
                                 opened.faces.size(), " faces, and this version recovers one aligned crop");
    return {side.carrier, opened.info.model, std::move(opened.faces[0])};
  }

  /// Gives back the file that was kept: its bytes if the result has its format.
  void restore(const Item& item, const payload::SideFace& face) const {
    const Tensor picture = decode_picture(face.original, item.input);
    if (same_format(face.original, item.output)) return write_bytes(item.output, face.original);
    write_picture(item.output, picture);
    if (!options_.decoys()) {
      say(LogLevel::info, str(item.output.string(), ": the original's pixels; its file is of another format"));
    }
  }

  /// Throws NotAuthentic. `logits` are those of the pixels.
  Tensor identity_in(const Tensor& logits, const Found& found) {
    const ModelConfig& config = anonymizer_->config();
    if (const auto& side = found.opened) {
      check<payload::NotAuthentic>(
          side->model == model_hash_.get() && std::cmp_equal(side->face.identity.size(), config.identity_dim),
          "the side data was made with another model, of SHA-256 ", side->model);
      return identity_of(side->face);
    }
    try {
      const payload::Binding binding = binding_of(options_.secret, config.resolution, model_hash_.get());
      const auto report = [this](const payload::Opened& opened) {
        const auto bits = static_cast<double>(opened.channel_bits);
        say_unless_decoys("channel_bits", static_cast<std::int64_t>(opened.channel_bits));
        say_unless_decoys("channel_bits_wrong", static_cast<std::int64_t>(std::lround(bits * opened.bit_error_rate)));
        say_unless_decoys("channel_bits_wrong_limit", static_cast<std::int64_t>(bits * opened.error_limit));
      };
      return open_with(openers_->pixels, config, binding, channel_map(options_.secret.map, *anonymizer_),
                       report)(logits);
    } catch (const payload::NotAuthentic& e) {
      if (found.failure.empty()) throw;
      throw payload::NotAuthentic(str(found.failure, "; and in the pixels: ", e.what()));
    } catch (const payload::CapacityError&) {
      if (found.failure.empty() && !options_.decoys()) throw;
      throw payload::NotAuthentic(found.failure);
    }
  }

  Tensor generate(const Item& item, std::span<const std::uint8_t> file, const Found& found) {
    if (!anonymizer_) {
      check<payload::NotAuthentic>(found.opened || found.failure.empty(), found.failure);
      load(model_path(options_.model));  // says that there is none
    }
    RecoverOptions options{.seed = options_.seed};
    if (openers_) {
      options.reveal = [&](const Tensor& logits) {
        try {
          return identity_in(logits, found);
        } catch (const payload::NotAuthentic&) {
          if (!options_.decoys()) throw;
          return decoy_;
        }
      };
    }
    const Tensor face = face_of(decode_picture(file, item.input), item.input, anonymizer_->config());
    const Recovered result = anonymizer_->recover(face, options);
    say_unless_decoys("mean_logit_margin", mean_margin(result.logits));
    return result.image;
  }

  const Options& options_;
  std::optional<Openers> openers_;
  std::optional<Anonymizer> anonymizer_;
  std::shared_future<std::string> model_hash_;
  io::JsonObject said_;  // of the picture at hand
  Tensor decoy_;         // the identity that a failure is given
};

int run(const Options& o) {
  check<UsageError>(o.aligned, "recover: faces are not looked for yet: give aligned face crops and say --aligned");
  check<UsageError>(o.sealed() || !names_a_secret(o.secret), "recover: --payload paper needs no secret: leave it out");
  check<UsageError>(o.sealed() || !o.decoys(), "recover: --payload paper never fails: leave --on-failure out");
  const auto items = find_items(o.inputs, o.output, o.items);
  Run all(o);
  const int code = for_each_item(items, [&](const Item& item) { return all.work(item); });
  if (o.common.print_plan) std::cerr << all.print_plans();
  return code;
}

}  // namespace

void add_recover(CLI::App& app, int& code) {
  CLI::App* command = app.add_subcommand("recover", "Undo 'anonymize' from the anonymized images alone");
  const auto o = std::make_shared<Options>();
  add_face_options(*command, *o);
  command->add_option("--seed", o->seed, "decides the generator's noise")
      ->check(CLI::Range(std::uint64_t{0}, seed_limit - 1));
  command
      ->add_option(
          "--on-failure", o->on_failure,
          "what a wrong secret gets: refuse (exit code 4, nothing written), or decoy: some other face, as if it "
          "had been right")
      ->check(CLI::IsMember({"refuse", "decoy"}))
      ->capture_default_str();
  command->callback([o, &code] { code = run(*o); });
}

}  // namespace g2face::cli
