#include "cli/secrets.hpp"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <system_error>

#include "cli/common.hpp"
#include "io/atomic_file.hpp"

namespace g2face::cli {

namespace {

using payload::Secret;

/// What is readable of `fd`, up to 4 KiB. Throws FileError naming `name`.
Secret read_all(int fd, const std::string& name) {
  Secret text(4096);
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = ::read(fd, text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    check<io::FileError>(n >= 0, name, ": cannot read: ", std::generic_category().message(errno),
                         ": give one that can be read");
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  check<io::FileError>(size < text.size(), name, ": holds more than a key or a password of 4095 bytes: give another");
  return Secret(std::span<const std::uint8_t>(text.bytes()).first(size));
}

Secret read_secret_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  check<io::FileError>(fd >= 0, path, ": cannot read: ", std::generic_category().message(errno),
                       ": give a file that is there");
  try {
    Secret text = read_all(fd, path);
    ::close(fd);
    return text;
  } catch (...) {
    ::close(fd);
    throw;
  }
}

std::string_view view(const Secret& secret) { return {reinterpret_cast<const char*>(secret.data()), secret.size()}; }

Secret first_line(const Secret& text, const std::string& name) {
  std::string_view line = view(text).substr(0, view(text).find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  check<UsageError>(!line.empty(), name, ": its first line is no password: it is empty");
  return Secret(line);
}

/// What a signal that ends the program while a password is typed has to undo first.
struct {
  int fd = -1;
  termios before{};
  void (*then)(int) = SIG_DFL;
} quiet_terminal;

void show_again(int signal) {
  ::tcsetattr(quiet_terminal.fd, TCSAFLUSH, &quiet_terminal.before);
  std::signal(signal, quiet_terminal.then);
  std::raise(signal);
}

/// A terminal that shows nothing of what is typed, for as long as this lives. There is one at a time.
class QuietTerminal {
 public:
  QuietTerminal() : fd_(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {
    check<UsageError>(fd_ >= 0 && ::tcgetattr(fd_, &before_) == 0,
                      "no password, and no terminal to ask at: give --password-file, --password-fd or --key");
    quiet_terminal = {fd_, before_, std::signal(SIGINT, show_again)};
    std::signal(SIGTERM, show_again);
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(fd_, TCSAFLUSH, &quiet);
  }
  QuietTerminal(const QuietTerminal&) = delete;
  QuietTerminal& operator=(const QuietTerminal&) = delete;
  ~QuietTerminal() {
    ::tcsetattr(fd_, TCSAFLUSH, &before_);
    std::signal(SIGINT, quiet_terminal.then);
    std::signal(SIGTERM, quiet_terminal.then);
    ::close(fd_);
  }

  Secret ask(std::string_view question) const {
    show(question);
    Secret line(1024);
    std::size_t size = 0;
    while (size < line.size() && ::read(fd_, line.data() + size, 1) == 1 && line.data()[size] != '\n') ++size;
    show("\n");
    check<UsageError>(size > 0 && size < line.size(), "a password of 1 to 1023 bytes was expected");
    return Secret(std::span<const std::uint8_t>(line.bytes()).first(size));
  }

 private:
  void show(std::string_view text) const {
    if (::write(fd_, text.data(), text.size()) < 0) throw UsageError("the terminal cannot be written to");
  }

  int fd_;
  termios before_{};
};

Secret password_of(const SecretOptions& o, const std::string& asking, bool twice) {
  if (!o.password_file.empty()) return first_line(read_secret_file(o.password_file), o.password_file);
  if (o.password_fd) return first_line(read_all(*o.password_fd, "--password-fd"), "--password-fd");
  const QuietTerminal terminal;
  Secret password = terminal.ask(str(asking, ": "));
  check<UsageError>(!twice || terminal.ask("Once more: ") == password, "the two passwords differ: try again");
  return password;
}

/// Says which file is no key.
template <class Parse>
auto parse_file(const std::string& path, Parse parse) {
  const Secret text = read_secret_file(path);
  try {
    return parse(view(text));
  } catch (const Error& e) {
    throw io::FileError(str(path, ": ", e.what()));
  }
}

bool names_a_password(const SecretOptions& o) { return !o.password_file.empty() || o.password_fd; }

}  // namespace

void add_opening_options(CLI::App& command, SecretOptions& o) {
  command.add_option("--password-file", o.password_file, "the password is the first line of this file");
  command.add_option("--password-fd", o.password_fd, "the password is the first line that can be read from N")
      ->check(CLI::Range(0, 1 << 20));
  command.add_option("--key", o.key, "a key file of 'g2face keygen' instead of a password");
}

void add_secret_options(CLI::App& command, SecretOptions& o) {
  add_opening_options(command, o);
  command.add_option("--bind", o.bind,
                     "a name, e.g. of the record that the picture belongs to: 'recover' has to be given the same");
  add_payload_map_option(command, o.map);
}

void add_payload_map_option(CLI::App& command, std::string& map) {
  command
      .add_option(
          "--payload-map", map,
          "which hidden bits are used: all, floats for weights trained on the bits of floats, or as the model says")
      ->check(CLI::IsMember({"model", "all", "floats"}))
      ->capture_default_str();
}

bool names_a_secret(const SecretOptions& o) {
  return names_a_password(o) || !o.key.empty() || !o.recipients.empty() || !o.bind.empty();
}

payload::Key read_key(const std::string& path) { return parse_file(path, payload::Key::parse); }

Secrets read_opening_secrets(const SecretOptions& o) {
  const int given = (o.password_file.empty() ? 0 : 1) + (o.password_fd ? 1 : 0) + (o.key.empty() ? 0 : 1);
  check<UsageError>(given <= 1, "--password-file, --password-fd and --key: give one of them");
  Secrets secrets;
  if (o.key.empty()) {
    secrets.password = password_of(o, "Password", false);
  } else {
    secrets.key = read_key(o.key);
  }
  return secrets;
}

Secrets read_sealing_secrets(const SecretOptions& o, const std::string& asking) {
  check<UsageError>(o.password_file.empty() || !o.password_fd, "--password-file and --password-fd: give one of them");
  Secrets secrets;
  if (!o.key.empty()) secrets.key = read_key(o.key);
  for (const std::string& path : o.recipients) {
    secrets.recipients.push_back(parse_file(path, payload::parse_public_key));
  }
  if (names_a_password(o) || (!secrets.key && secrets.recipients.empty())) {
    secrets.password = password_of(o, asking, true);
  }
  return secrets;
}

payload::Sealer make_sealer(const Secrets& s) {
  const int kinds = (s.password ? 1 : 0) + (s.key ? 1 : 0) + (s.recipients.empty() ? 0 : 1);
  check<UsageError>(kinds == 1,
                    "--password-file, --password-fd, --key and --recipient: give one of them, or --carrier chunk or "
                    "file, which have room for all");
  if (s.key) return payload::Sealer::with_key(*s.key);
  if (s.password) return payload::Sealer::with_password(*s.password);
  check<UsageError>(s.recipients.size() <= payload::max_recipients, "--recipient: the pixels have room for ",
                    payload::max_recipients, ": give fewer, or --carrier chunk or file");
  return payload::Sealer::for_recipients(s.recipients);
}

payload::SideLocks make_locks(const Secrets& s) {
  payload::SideLocks locks;
  if (s.password) locks.add_password(*s.password);
  if (s.key) locks.add_key(*s.key);
  for (const payload::PublicKey& recipient : s.recipients) locks.add_recipient(recipient);
  check<UsageError>(locks.size() <= payload::max_side_locks, locks.size(), " passwords, keys and recipients: at most ",
                    payload::max_side_locks, " can be given");
  return locks;
}

payload::Opener make_opener(const Secrets& s) {
  return s.key ? payload::Opener::with_key(s.key->copy()) : payload::Opener::with_password(s.password->copy());
}

payload::SideOpener make_side_opener(const Secrets& s) {
  return s.key ? payload::SideOpener::with_key(s.key->copy()) : payload::SideOpener::with_password(s.password->copy());
}

std::uint64_t decoy_seed(const Secrets& s, const std::array<std::uint8_t, 32>& picture) {
  std::array<std::uint8_t, 16> salt{};
  std::copy_n(picture.begin(), salt.size(), salt.begin());
  const std::string_view name(reinterpret_cast<const char*>(picture.data()), picture.size());
  const Secret drawn = s.key ? s.key->derived(str("decoy ", name)) : payload::password_key(*s.password, salt, {});
  std::uint64_t seed = 0;
  for (std::size_t i = 0; i < 8; ++i) seed = seed << 8 | drawn.data()[i];
  return seed % seed_limit;
}

payload::ChannelMap channel_map(const std::string& map, const Anonymizer& anonymizer) {
  if (map == "model") return anonymizer.channel_map();
  return map == "floats" ? payload::ChannelMap::float_positions : payload::ChannelMap::all;
}

payload::Binding binding_of(const SecretOptions& o, std::int64_t resolution, const std::string& model_hash) {
  const auto side = static_cast<std::int32_t>(resolution);
  return {.model = model_hash, .face = 0, .box = {0, 0, side, side}, .file = o.bind};
}

}  // namespace g2face::cli
