// g2face attack: what holds, and what does not, against who has the images, the model and this program.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <bit>
#include <cmath>
#include <iostream>
#include <memory>
#include <random>
#include <thread>

#include "cli/attack_report.hpp"
#include "cli/common.hpp"
#include "cli/distortions.hpp"
#include "g2face/eval/identity_policy.hpp"
#include "g2face/eval/linkage.hpp"
#include "g2face/eval/metrics.hpp"
#include "g2face/image.hpp"
#include "g2face/payload/attacks.hpp"
#include "g2face/payload/pseudonyms.hpp"
#include "io/sha256.hpp"

namespace g2face::cli {

namespace {

using payload::AttackRun;
using payload::Tally;
using payload::Target;

struct Options {
  CommonOptions common;
  std::vector<std::string> inputs;
  std::string model, html;
  SecretOptions secret;
  bool anonymized = false, recursive = false;
  std::uint64_t seed = 1;
  std::int64_t file_keys = 1'000'000, keys = 10'000, blocks = 200;
};

/// One image of the attack.
struct Subject {
  Tensor original, identity, hidden;  // none if only the anonymized image is there
  Tensor image, logits;               // as a file holds it, and what is read from it
  Tensor virtual_identity;
};

payload::Key key_of(const std::string& name) { return payload::Key::parse("g2face-secret-key-1 " + io::sha256(name)); }

payload::Random numbers_from(std::uint64_t seed) {
  return [numbers = std::mt19937_64(seed)](std::span<std::uint8_t> bytes) mutable {
    for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(numbers() >> 56);
  };
}

Tensor rows_of(const std::vector<Subject>& subjects, const std::function<Tensor(const Subject&)>& identity) {
  std::vector<float> values;
  std::int64_t width = 0;
  for (const Subject& s : subjects) {
    const Tensor one = identity(s);
    width = one.numel();
    values.insert(values.end(), one.as<float>().begin(), one.as<float>().end());
  }
  return Tensor::from({static_cast<std::int64_t>(subjects.size()), width}, values);
}

/// What the published method reads: each 32 bits a float.
Tensor as_floats(const Tensor& bits) {
  const auto x = bits.as<float>();
  std::vector<float> values;
  for (std::size_t at = 0; at < x.size(); at += 32) {
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < 32; ++i) word = word << 1 | (x[at + i] > 0 ? 1U : 0U);
    const auto value = std::bit_cast<float>(word);
    values.push_back(std::abs(value) <= 50 ? value : 0);  // no number counts as 0 too
  }
  return Tensor::from({1, static_cast<std::int64_t>(values.size())}, values);
}

std::string percent(double share) { return str(std::round(1000 * share) / 10, " %"); }
double short_of(double value) { return std::round(1000 * value) / 1000; }

class Attack {
 public:
  explicit Attack(const Options& o)
      : options_(o),
        model_(model_path(o.model)),
        anonymizer_(model_.string(), resolve(o.common)),
        key_(o.secret.key.empty() ? key_of(str("g2face attack ", o.seed)) : read_key(o.secret.key)),
        channel_{.bits = static_cast<std::size_t>(anonymizer_.config().bit_count()),
                 .map = channel_map(o.secret.map, anonymizer_)},
        dimension_(static_cast<std::size_t>(anonymizer_.config().identity_dim)),
        binding_(binding_of(o.secret, anonymizer_.config().resolution, io::sha256_of_file(model_))),
        threads_(o.common.threads > 0 ? o.common.threads
                                      : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()))) {
    payload::layout(channel_.capacity(), dimension_, payload::lock_size());  // whether anything can be sealed
  }

  AttackReport run(const std::vector<std::filesystem::path>& files) {
    Progress progress(files.size());
    for (const auto& file : files) {
      subjects_.push_back(options_.anonymized ? read(file) : anonymize(file));
      progress.done(file.string());
    }
    choose_targets();
    guess_keys();
    damage_bits();
    move_payloads();
    distort_images();
    do_without_key();
    if (!options_.anonymized && subjects_.size() > 1) {
      look_for_people();
      link_pseudonyms();
    }
    return std::move(report_);
  }

 private:
  std::uint64_t seed_of(std::size_t subject, std::uint32_t what) const {
    return seed_of_draw(options_.seed, static_cast<std::uint32_t>(8 * subject + what + 1));
  }
  AttackRun tries(std::int64_t n) const { return {.tries = n, .seed = options_.seed, .threads = threads_}; }

  Subject read(const std::filesystem::path& file) {
    Subject s;
    s.image = load_face(file, anonymizer_.config());
    s.logits = anonymizer_.read_bits(s.image);
    return s;
  }

  Subject anonymize(const std::filesystem::path& file) {
    Subject s;
    const std::size_t at = subjects_.size();
    s.original = load_face(file, anonymizer_.config());
    payload::Sealer sealer = payload::Sealer::with_key(key_, numbers_from(seed_of(at, 0)));
    const Anonymized made = anonymizer_.anonymize(
        s.original, {.seed = seed_of(at, 1), .hide = seal_with(sealer, anonymizer_.config(), binding_, channel_.map)});
    s.identity = made.identity;
    s.hidden = made.bits;
    s.virtual_identity = made.virtual_identity;
    s.image = as_saved(made.image);
    s.logits = anonymizer_.read_bits(s.image);
    return s;
  }

  /// With the right key; nothing if it is refused.
  std::optional<std::vector<float>> open(const Tensor& logits) {
    try {
      payload::Opener opener = payload::Opener::with_key(key_.copy());
      return opener.open(logits.as<float>(), dimension_, channel_, binding_).identity;
    } catch (const payload::NotAuthentic&) {
      return std::nullopt;
    }
  }

  /// Payloads as they are read from pixels where the extractor reads them, and else as they were hidden.
  void choose_targets() {
    std::int64_t read = 0;
    for (const Subject& s : subjects_) {
      if (const auto identity = open(s.logits)) {
        ++read;
        const auto z = s.logits.as<float>();
        if (payload::find_lock(z, dimension_, channel_)) continue;  // for recipients: what follows attacks key files
        targets_.push_back({{z.begin(), z.end()}, *identity, channel_, binding_});
      }
    }
    const bool from_pixels = read > 0;
    on_ = from_pixels ? "pixels" : "bits as hidden";
    report_.note = str(subjects_.size(), options_.anonymized ? " anonymized images, " : " originals, ",
                       anonymizer_.config().name, ", ", channel_.capacity(), " bits. ",
                       from_pixels ? str("Payloads are read from 8-bit pixels.")
                                   : str("The extractor of this model does not read the bits that it hid (an untrained "
                                         "one never does): payloads are attacked as they were hidden, through a "
                                         "simulated channel."));
    AttackRow row = right_key("the right key, undisturbed", 0);
    row.opened = read;
    finish(row);
    if (from_pixels) return;
    for (std::size_t i = 0; i < std::max<std::size_t>(2, subjects_.size()); ++i) {
      payload::Sealer sealer = payload::Sealer::with_key(key_, numbers_from(seed_of(i, 2)));
      std::vector<float> identity;
      std::mt19937_64 numbers(seed_of(i, 3));
      std::normal_distribution<float> normal;
      for (std::size_t k = 0; k < dimension_; ++k) identity.push_back(normal(numbers));
      targets_.push_back(target_of(sealer.seal(identity, channel_, binding_), key_, dimension_, channel_, binding_));
    }
  }

  AttackRow right_key(const std::string& name, std::int64_t tried) const {
    return {.attack = name,
            .on = "pixels",
            .tries = tried > 0 ? tried : static_cast<std::int64_t>(subjects_.size()),
            .figure = "",
            .meaning = "how often who may recover can",
            .criterion = "no false accept",
            .passed = true};
  }

  void finish(AttackRow row) {
    if (row.false_accepts > 0) row.passed = false;
    report_.rows.push_back(std::move(row));
  }
  AttackRow row_of(std::string name, const Tally& t, std::string meaning, std::string criterion) const {
    return {.attack = std::move(name),
            .on = on_,
            .tries = t.tries,
            .opened = t.opened,
            .false_accepts = t.false_accepts,
            .figure = "",
            .meaning = std::move(meaning),
            .criterion = std::move(criterion),
            .passed = t.false_accepts == 0,
            .seconds = t.seconds};
  }

  void guess_keys() {
    const auto with_rate = [&](AttackRow row) {
      if (row.seconds > 0) row.figure = str(std::llround(static_cast<double>(row.tries) / row.seconds), " a second");
      finish(std::move(row));
    };
    with_rate(row_of("random file keys, against the tag", try_file_keys(targets_[0], key_, tries(options_.file_keys)),
                     "the body is decoded, the 256-bit key of the file is guessed", "none is accepted"));
    with_rate(row_of("random key files, the whole way", try_keys(targets_[0], tries(options_.keys)),
                     "what 'recover' does with a wrong key", "none is accepted"));
  }

  void damage_bits() {
    for (const double p : {0.001, 0.005, 0.01, 0.02, 0.05, 0.08, 0.1, 0.15, 0.2}) {
      Tally t;
      for (const Target& target : targets_) {
        t += flip_bits(target, key_, p, tries((options_.blocks + std::ssize(targets_) - 1) / std::ssize(targets_)));
      }
      AttackRow row = row_of(str("flipped ", percent(p)), t, "the right key, after bits at random were flipped",
                             "what opens is what was sealed");
      row.figure = str("opened ", percent(static_cast<double>(t.opened) / static_cast<double>(t.tries)));
      finish(std::move(row));
    }
  }

  void move_payloads() {
    Tally spliced, replayed, bound;
    payload::Binding elsewhere = binding_, other_face = binding_;
    elsewhere.file = binding_.file + " of another record";
    other_face.face += 1;
    for (std::size_t i = 0; i < targets_.size(); ++i) {
      const Target& next = targets_[(i + 1) % targets_.size()];
      if (targets_.size() > 1) spliced += splice(targets_[i], next, key_, tries(options_.blocks / 4));
      bound += replay(targets_[i], key_, elsewhere);
      bound += replay(targets_[i], key_, other_face);
      replayed += replay(targets_[i], key_, next.binding);
    }
    // Nothing but the true owner's payload may open, not even unchanged, where it does not belong.
    bound.false_accepts += bound.opened;
    finish(row_of("splices of two payloads", spliced, "lock and body, halves, and bits of two images mixed",
                  "what opens is what was sealed there"));
    finish(row_of("replay: another --bind or face", bound, "a payload is carried to an image with another binding",
                  "all are refused"));
    AttackRow row =
        row_of("replay: the same --bind", replayed,
               "a payload is carried to an image of the same model and size whose binding does not differ: it "
               "opens, as docs/threat_model.md says. --bind is what prevents it",
               "nothing is promised");
    row.passed.reset();
    finish(std::move(row));
  }

  void distort_images() {
    for (const Distortion& d : distortions()) {
      AttackRow row = right_key(d.name, 0);
      double errors = 0;
      for (std::size_t i = 0; i < subjects_.size(); ++i) {
        const Subject& s = subjects_[i];
        const Tensor logits = anonymizer_.read_bits(d.apply(s.image, seed_of(i, 4)));
        const Tensor& truth = s.hidden ? s.hidden : s.logits;
        errors += bit_error_rate(logits, truth) / static_cast<double>(subjects_.size());
        const auto opened = open(logits), before = open(s.logits);
        if (!opened) continue;
        ++row.opened;
        if (before && *before != *opened) ++row.false_accepts;
      }
      row.figure = str("bits wrong ", percent(errors));
      finish(std::move(row));
    }
  }

  void do_without_key() {
    Tally read;
    for (const Target& target : targets_) read += read_without_key(target);
    finish(row_of("decoding without a key", read, "lock and body with the masks that everybody knows",
                  "no body is found"));

    Tally linked, strangers;
    const payload::Key second = key_of(str("g2face attack, another key ", options_.seed));
    payload::Sealer sealer = payload::Sealer::with_key(second, numbers_from(seed_of(0, 5)));
    for (std::size_t i = 0; i < targets_.size(); ++i) {
      const Target of_other =
          target_of(sealer.seal(targets_[i].identity, channel_, binding_), second, dimension_, channel_, binding_);
      strangers.tries += 1;
      strangers.opened += share_a_key(targets_[i], of_other) ? 1 : 0;
      if (targets_.size() < 2) continue;
      linked.tries += 1;
      linked.opened += share_a_key(targets_[i], targets_[(i + 1) % targets_.size()]) ? 1 : 0;
    }
    AttackRow one =
        row_of("two images of one key, told by their locks", linked,
               "locks of one key file differ by a code word: who has the model can tell that it was one key, "
               "not whose faces they are (docs/threat_model.md)",
               "nothing is promised");
    one.passed.reset();
    finish(std::move(one));
    AttackRow two = row_of("one person under two keys, told by their locks", strangers,
                           "the same identity, sealed with two keys", "none is told");
    two.passed = strangers.opened == 0;
    finish(std::move(two));

    if (options_.anonymized || anonymizer_.config().bit_rows() != anonymizer_.config().identity_dim) return;
    const std::string without = "recovery with the weights alone: ";
    for (const bool paper : {true, false}) {
      AttackRow row{.attack = without + (paper ? "--payload paper" : "sealed"),
                    .on = on_ == "pixels" && !paper ? "pixels" : "bits as hidden",
                    .tries = static_cast<std::int64_t>(subjects_.size()),
                    .figure = "",
                    .meaning = paper ? "the published method, for contrast: the bits are the identity"
                                     : "the bits of a sealed payload, read as the published method reads them",
                    .criterion = paper ? "nothing is promised" : "no identity is as like as 0.5",
                    .passed = {}};
      double most = -1;
      for (const Subject& s : subjects_) {
        const Tensor& bits = row.on == "pixels" ? s.logits : s.hidden;
        const double c = cosine(as_floats(paper ? anonymizer_.analyze(s.original).bits : bits), s.identity);
        most = std::max(most, std::isfinite(c) ? c : 0);
        row.opened += c >= 0.5 ? 1 : 0;
      }
      row.figure = str("cosine to the original at most ", short_of(most));
      if (!paper) row.passed = row.opened == 0;
      finish(std::move(row));
    }
  }

  void add_retrieval(std::string name, const Tensor& queries, const Tensor& gallery, std::string meaning) {
    const Retrieval r = retrieve(queries, gallery);
    finish({.attack = std::move(name),
            .on = "pixels",
            .tries = r.queries,
            .opened = r.hits,
            .figure = str("found first ", percent(static_cast<double>(r.hits) / static_cast<double>(r.queries)),
                          ", cosine ", short_of(r.own_cosine), " against ", short_of(r.others_cosine), " of others"),
            .meaning = std::move(meaning),
            .criterion = "no more hits than guesses have (1 %, binomial)",
            .passed = r.is_chance()});
  }

  void look_for_people() {
    const auto who = [&](const Tensor& image) { return anonymizer_.analyze(image).identity; };
    const Tensor originals = rows_of(subjects_, [](const Subject& s) { return s.identity; });
    const Tensor anonymized = rows_of(subjects_, [&](const Subject& s) { return who(s.image); });
    std::size_t at = 0;
    const Tensor parrots = rows_of(subjects_, [&](const Subject& s) {
      return who(as_saved(anonymizer_.anonymize(s.original, {.seed = seed_of(at++, 6), .recoverable = false}).image));
    });
    add_retrieval("retrieval: anonymized among originals", anonymized, originals,
                  "the recogniser looks for the original of each anonymized face");
    add_retrieval("parrot: anonymized among anonymized", anonymized, parrots,
                  "the attacker anonymizes his gallery with the same model and compares like with like");
    for (std::size_t i = 0; i < subjects_.size(); ++i) {
      for (std::size_t k = 0; k < subjects_.size(); ++k) {
        const auto width = static_cast<std::int64_t>(dimension_);
        const auto part = [&](const Tensor& all, std::size_t n) {
          return Tensor::from({1, width}, all.as<float>().subspan(n * dimension_, dimension_));
        };
        (i == k ? report_.own : report_.others)
            .push_back(static_cast<float>(cosine(part(anonymized, i), part(originals, k))));
      }
    }
  }

  /// Pseudonyms of --identity per-project, as they are drawn.
  void link_pseudonyms() {
    const payload::Key second = key_of(str("g2face attack, another project ", options_.seed));
    payload::Pseudonyms here(key_, binding_.model, 0.999), there(second, binding_.model, 0.999);
    for (const Subject& s : subjects_) {
      here.add(s.identity.as<float>(), numbers_from(options_.seed + here.size()));
      there.add(s.identity.as<float>(), numbers_from(options_.seed + there.size()));  // the same 16 bytes
    }
    const auto drawn = [&](const payload::Pseudonyms& people) {
      std::size_t person = 0;
      return rows_of(subjects_, [&](const Subject&) { return anonymizer_.imagine(1, people.seed(person++, 0)); });
    };
    const Tensor first = drawn(here), again = drawn(here), other = drawn(there);
    add_retrieval("pseudonyms of one person, one project key", first, again,
                  "that is what pseudonyms are for: within a project a person has one face");
    report_.rows.back().criterion = "all are found";
    report_.rows.back().passed = report_.rows.back().opened == report_.rows.back().tries;
    add_retrieval("pseudonyms of one person, two project keys", first, other,
                  "whether two projects can be joined by their faces");
    for (std::size_t i = report_.rows.size() - 2; i < report_.rows.size(); ++i) {
      report_.rows[i].on = "drawn identities";
    }
  }

  const Options& options_;
  std::filesystem::path model_;
  Anonymizer anonymizer_;
  payload::Key key_;
  payload::Channel channel_;
  std::size_t dimension_;
  payload::Binding binding_;
  int threads_;
  std::vector<Subject> subjects_;
  std::vector<Target> targets_;
  std::string on_;
  AttackReport report_;
};

int run(const Options& o) {
  std::vector<std::filesystem::path> files;
  for (const Item& item : find_items(o.inputs, "attack", {.recursive = o.recursive, .reads_only = true})) {
    files.push_back(item.input);
    if (!o.html.empty()) require_new_file(o.html, {item.input.string()});
  }
  const AttackReport report = Attack(o).run(files);
  std::cout << (o.common.json ? report.json() + "\n" : report.text());
  if (!o.html.empty()) report.save_page(o.html);
  if (report.false_accepts() == 0) return exit_code::ok;
  report_error(str(report.false_accepts(), " false accepts: see the table"));
  return exit_code::some_failed;
}

}  // namespace

void add_attack(CLI::App& app, int& code) {
  CLI::App* command = app.add_subcommand("attack", "Attack the payload and the anonymity, and say what held");
  const auto o = std::make_shared<Options>();
  command->add_option("inputs", o->inputs, "original aligned faces: images or folders")->required();
  command->add_flag("--anonymized", o->anonymized,
                    "inputs are what 'anonymize' wrote: what needs the originals is left out");
  command->add_option("--model", o->model, "model file (or environment G2FACE_MODEL)");
  command->add_option("--key", o->secret.key, "the key file that seals (default: one of this run)");
  command->add_option("--bind", o->secret.bind, "the name that payloads are bound to");
  add_payload_map_option(*command, o->secret.map);
  command->add_flag("--recursive", o->recursive, "look into folders below folders");
  command->add_option("--file-keys", o->file_keys, "random file keys that are tried against the tag")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40))
      ->capture_default_str();
  command->add_option("--keys", o->keys, "random key files that are tried the whole way")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40))
      ->capture_default_str();
  command->add_option("--blocks", o->blocks, "payloads for each rate of flipped bits, and splices")
      ->check(CLI::Range(std::int64_t{4}, std::int64_t{1} << 40))
      ->capture_default_str();
  command->add_option("--seed", o->seed, "decides all that is random")
      ->check(CLI::Range(std::uint64_t{0}, seed_limit - 1))
      ->capture_default_str();
  command->add_option("--html", o->html, "write the table as one self-contained page");
  add_common_options(*command, o->common);
  command->callback([o, &code] { code = run(*o); });
}

}  // namespace g2face::cli
