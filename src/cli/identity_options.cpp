#include "cli/identity_options.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <random>

#include "g2face/image.hpp"
#include "g2face/payload/pseudonyms.hpp"
#include "io/atomic_file.hpp"
#include "io/image_files.hpp"
#include "io/input_file.hpp"
#include "io/sha256.hpp"

namespace g2face::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::uintmax_t max_gallery_bytes = 1'000'000'000;

std::uint64_t parse_seed(const std::string& text) {
  const std::string prefix = "seed:";
  std::uint64_t seed = 0;
  const char* begin = text.data() + std::min(prefix.size(), text.size());
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(begin, end, seed);
  check<UsageError>(
      text.starts_with(prefix) && error == std::errc() && stop == end && begin != end && seed < seed_limit,
      "--identity ", text, ": give per-image, per-project or seed:N with N below 2^53");
  return seed;
}

/// A file that this process alone uses as long as it lives.
class Locked {
 public:
  explicit Locked(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    check<io::FileError>(fd_ >= 0, path, ": cannot be opened: give a key file that is there");
    if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) return;
    ::close(fd_);
    throw io::FileError(path + ": another run draws with this project's key: wait for it");
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
  ~Locked() { ::close(fd_); }

 private:
  int fd_;
};

/// Identities of the faces of a folder, or those that a file holds as the tensor "identities".
Tensor read_stop_list(const std::string& path, Anonymizer& anonymizer) {
  const std::int64_t width = anonymizer.config().identity_dim;
  if (!fs::is_directory(path)) {
    const Parameters file = Parameters::load(path);
    const bool has_list = file.contains("identities") && file.at("identities").shape().rank() == 2 &&
                          file.at("identities").dtype() == DType::f32;
    check<io::FileError>(has_list && file.at("identities").shape()[1] == width, path,
                         ": holds no tensor 'identities' of f32[N,", width,
                         "]: give one, or a folder of aligned faces");
    return file.at("identities").clone();
  }
  const io::ImageList list = io::list_images(path);
  Tensor all({DType::f32, {static_cast<std::int64_t>(list.names.size()), width}});
  auto out = all.mutable_as<float>().begin();
  for (const std::string& name : list.names) {
    const Tensor identity = anonymizer.analyze(load_face(list.root / name, anonymizer.config())).identity;
    out = std::copy(identity.as<float>().begin(), identity.as<float>().end(), out);
  }
  return all;
}

}  // namespace

struct IdentitySource::State {
  IdentityOptions options;
  std::optional<std::uint64_t> fixed;  // seed:N
  std::string project_key;             // per-project
  std::unique_ptr<Locked> lock;
  IdentityPolicy policy;
  std::optional<payload::Pseudonyms> people;
  fs::path gallery;
  std::optional<double> worst;

  std::uint64_t seed_for(const std::string& input_hash) const {
    if (fixed) return *fixed;
    if (options.seed) {
      return std::stoull(io::sha256(str(*options.seed, " ", input_hash)).substr(0, 13), nullptr, 16);  // 52 bits
    }
    std::random_device random;
    return ((std::uint64_t{random()} << 32) | random()) % seed_limit;
  }

  void save() const {
    const std::vector<std::uint8_t> bytes = people->bytes();
    const std::array parts{std::as_bytes(std::span(bytes))};
    const mode_t before = ::umask(077);  // for the owner alone
    try {
      io::write_atomically(gallery, parts);
    } catch (...) {
      ::umask(before);
      throw;
    }
    ::umask(before);
  }

  UnlikeFace draw_person(Anonymizer& anonymizer, const Tensor& face, const AnonymizeOptions& o) {
    const Tensor identity = anonymizer.analyze(face).identity;
    const auto known = people->find(identity.as<float>());
    if (known) {
      IdentityPolicy once = policy;  // one person has one face
      once.tries = 1;
      return anonymize_unlike(
          anonymizer, face, o, [&](std::uint32_t d) { return people->seed(*known, d); }, once, people->draw(*known));
    }
    const std::size_t person = people->add(identity.as<float>());
    try {
      UnlikeFace drawn = anonymize_unlike(
          anonymizer, face, o, [&](std::uint32_t d) { return people->seed(person, d); }, policy);
      people->take(person, drawn.draw);
      save();
      return drawn;
    } catch (...) {
      people->forget_last();
      throw;
    }
  }
};

IdentitySource::IdentitySource(const IdentityOptions& o, const std::string& key) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.options = o;
  const bool per_project = o.identity == "per-project";
  if (per_project) {
    s.project_key = o.project_key.empty() ? key : o.project_key;
    check<UsageError>(!s.project_key.empty(),
                      "--identity per-project: pseudonyms are drawn from a key: give --project-key FILE of 'g2face "
                      "keygen', or --key");
    s.gallery = o.gallery.empty() ? fs::path(s.project_key + ".people") : fs::path(o.gallery);
    s.lock = std::make_unique<Locked>(s.project_key);
  } else {
    check<UsageError>(o.project_key.empty() && o.gallery.empty(),
                      "--project-key and --gallery are for --identity per-project: leave them out");
    if (o.identity != "per-image") s.fixed = parse_seed(o.identity);
  }
  check<UsageError>(!o.seed || o.identity == "per-image", "--seed and --identity ", o.identity,
                    " both say what to draw: give one of them");
  s.policy.max_similarity = o.max_similarity;
  if (!o.stop_list.empty() && !o.max_similarity) s.policy.max_similarity = 0.3;
  s.policy.tries = o.tries;
}
IdentitySource::~IdentitySource() = default;
IdentitySource::IdentitySource(IdentitySource&&) noexcept = default;

bool IdentitySource::needs_model_hash() const { return !state_->project_key.empty(); }

std::optional<std::uint64_t> IdentitySource::given_seed() const {
  return state_->fixed ? state_->fixed : state_->options.seed;
}

void IdentitySource::begin(Anonymizer& anonymizer, const std::string& model_hash) {
  State& s = *state_;
  if (!s.options.stop_list.empty()) s.policy.stop_list = read_stop_list(s.options.stop_list, anonymizer);
  if (s.project_key.empty()) return;
  const payload::Key project = read_key(s.project_key);
  std::error_code ignored;
  if (!fs::exists(s.gallery, ignored)) {
    s.people.emplace(project, model_hash, s.options.same_person);
    return;
  }
  try {
    s.people.emplace(project, model_hash, s.options.same_person, io::read_file(s.gallery, max_gallery_bytes));
  } catch (const payload::NotAuthentic& e) {
    throw payload::NotAuthentic(
        str(s.gallery.string(), ": the gallery ", e.what(), ": give the right --project-key, or another --gallery"));
  }
}

UnlikeFace IdentitySource::draw(Anonymizer& anonymizer, const Tensor& face, const AnonymizeOptions& options,
                                const std::string& input_hash) {
  State& s = *state_;
  const auto from_seed = [&] {
    const std::uint64_t seed = s.seed_for(input_hash);
    return anonymize_unlike(
        anonymizer, face, options, [seed](std::uint32_t d) { return seed_of_draw(seed, d); }, s.policy);
  };
  UnlikeFace drawn = s.people ? s.draw_person(anonymizer, face, options) : from_seed();
  if (drawn.worst) s.worst = std::max(s.worst.value_or(-1), *drawn.worst);
  return drawn;
}

std::string IdentitySource::summary() const {
  if (!state_->worst) return "";
  return str("new faces have a cosine of ", *state_->worst, " at most to the original and the stop-list (",
             *state_->policy.max_similarity, " was allowed)");
}

void add_identity_options(CLI::App& command, IdentityOptions& o) {
  command
      .add_option("--identity", o.identity,
                  "per-image (fresh randomness), per-project (one face for each person, by --project-key) or seed:N "
                  "(all images get the same one)")
      ->capture_default_str();
  command.add_option("--seed", o.seed, "draw the per-image identities from N and the file's content: reproducible")
      ->check(CLI::Range(std::uint64_t{0}, seed_limit - 1));
  command.add_option("--project-key", o.project_key,
                     "the key file that pseudonyms are drawn from (default: that of --key)");
  command.add_option("--gallery", o.gallery,
                     "the people met so far, encrypted with that key (default: the key's name and .people)");
  command
      .add_option("--same-person", o.same_person, "the cosine of two identities from which on they are one person's")
      ->check(CLI::Range(0.01, 1.0))
      ->capture_default_str();
  command
      .add_option("--max-similarity", o.max_similarity,
                  "draw again until the new face has at most this cosine to the original and to --stop-list")
      ->check(CLI::Range(-1.0, 1.0));
  command.add_option("--stop-list", o.stop_list,
                     "nobody shall look like these: a folder of aligned faces, or a safetensors file with 'identities' "
                     "(--max-similarity is 0.3 unless given)");
  command.add_option("--tries", o.tries, "how many identities are drawn before an image counts as failed")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
}

}  // namespace g2face::cli
