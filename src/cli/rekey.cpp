// g2face rekey: other secrets for what side data holds, or none for ever.

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/carriers.hpp"
#include "cli/common.hpp"
#include "io/atomic_file.hpp"
#include "io/embedded.hpp"

namespace g2face::cli {

namespace {

struct Options {
  SecretOptions old, fresh;
  std::vector<std::string> files;
  std::string erase;
  bool add = false;
};

class Run {
 public:
  explicit Run(const Options& o) : options_(o) {
    if (o.erase == "all") return;
    opener_.emplace(make_side_opener(read_opening_secrets(o.old)));
    if (o.erase.empty()) locks_.emplace(make_locks(read_sealing_secrets(o.fresh, "New password")));
  }

  /// All that belongs to one picture or none of it: what cannot be opened is found before anything is written.
  void work(const std::string& path) {
    const std::vector<std::uint8_t> file = read_picture(path);
    std::vector<SideData> found = find_side_data(path, file);
    check<ImageError>(!found.empty(), path,
                      ": carries no side data: what is hidden in the pixels alone cannot be given another key, nor "
                      "erased: anonymize the original again");
    bool pixels_too = false;
    for (SideData& side : found) {
      pixels_too = pixels_too || payload::side_info(side.bytes).pixels;
      side.bytes = changed(side.bytes);
      if (side.carrier == "chunk") side.bytes = io::with_embedded(file, side.bytes, path);
    }
    for (const SideData& side : found) io::require_replaceable(side.path);
    for (const SideData& side : found) io::replace_and_wipe(side.path, std::as_bytes(std::span(side.bytes)));
    if (pixels_too) {
      say(LogLevel::warning, str(path, ": its pixels hold a payload too, which the old secrets go on opening"));
    }
  }

 private:
  std::vector<std::uint8_t> changed(std::span<const std::uint8_t> side) {
    if (options_.erase == "all") return payload::remove_all_locks(side);
    if (options_.erase == "mine") return opener_->remove_own_locks(side);
    return options_.add ? opener_->add_locks(side, *locks_) : opener_->replace_locks(side, *locks_);
  }

  const Options& options_;
  std::optional<payload::SideOpener> opener_;
  std::optional<payload::SideLocks> locks_;
};

int run(const Options& o) {
  const bool names_new = names_a_secret(o.fresh);
  check<UsageError>(o.erase.empty() || (!names_new && !o.add),
                    "--erase gives no new key: leave --add, --new-... and "
                    "--recipient out");
  check<UsageError>(o.erase != "all" || !names_a_secret(o.old), "--erase all needs no secret: leave it out");
  Run all(o);
  return for_each_file(o.files, [&](const std::string& path) { all.work(path); });
}

}  // namespace

void add_rekey(CLI::App& app, int& code) {
  CLI::App* command = app.add_subcommand(
      "rekey", "Change who can open side data (--carrier chunk or file), in place; pixels cannot be changed");
  const auto o = std::make_shared<Options>();
  command->add_option("files", o->files, "pictures, with what lies beside them, or side files")->required();
  add_opening_options(*command, o->old);
  command->add_option("--new-password-file", o->fresh.password_file, "a new password: the first line of this file");
  command->add_option("--new-password-fd", o->fresh.password_fd, "a new password: the first line read from N")
      ->check(CLI::Range(0, 1 << 20));
  command->add_option("--new-key", o->fresh.key, "a new key file");
  command->add_option("--recipient", o->fresh.recipients, "a new recipient's public key; may be repeated");
  command->add_flag("--add", o->add, "keep those who can open it now (they are replaced otherwise)");
  command
      ->add_option(
          "--erase", o->erase,
          "destroy wrapped keys: 'mine', those that the given secret opens, or 'all': then nobody ever opens it")
      ->check(CLI::IsMember({"mine", "all"}));
  add_log_options(*command);
  command->callback([o, &code] { code = run(*o); });
}

}  // namespace g2face::cli
