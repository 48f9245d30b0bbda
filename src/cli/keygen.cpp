// g2face keygen: a key that opens, and the half of it that only seals.

#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <array>
#include <memory>

#include "cli/common.hpp"
#include "g2face/payload/keys.hpp"
#include "io/atomic_file.hpp"

namespace g2face::cli {

namespace {

struct Options {
  std::string output, open;
};

void require_nothing_there(const std::string& path) {
  std::error_code ignored;
  check<UsageError>(!std::filesystem::exists(std::filesystem::symlink_status(path, ignored)), path,
                    ": is there already, and what it opens would be lost: choose another name");
}

void write(const std::string& path, std::span<const std::uint8_t> text) {
  const std::array parts{std::as_bytes(text)};
  io::write_atomically(path, parts);
}

int run(const Options& o) {
  check<UsageError>(o.open.empty() || std::filesystem::path(o.open).lexically_normal() !=
                                          std::filesystem::path(o.output).lexically_normal(),
                    o.open, ": is the name of the key itself: give --public another");
  require_nothing_there(o.output);
  if (!o.open.empty()) require_nothing_there(o.open);
  const payload::Key key = payload::Key::generate();
  const mode_t before = ::umask(077);  // for the owner alone
  try {
    write(o.output, key.text().bytes());
  } catch (...) {
    ::umask(before);
    throw;
  }
  ::umask(before);
  if (!o.open.empty()) {
    const std::string text = payload::to_text(key.public_key());
    write(o.open, std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
  }
  return exit_code::ok;
}

}  // namespace

void add_keygen(CLI::App& app, int& code) {
  CLI::App* command = app.add_subcommand("keygen", "Make a key that opens what is sealed with it or for it");
  const auto o = std::make_shared<Options>();
  command->add_option("-o,--output", o->output, "the secret key; whoever has it can recover")->required();
  command->add_option("--public", o->open, "also write its public half, for 'anonymize --recipient'");
  command->callback([o, &code] { code = run(*o); });
}

}  // namespace g2face::cli
