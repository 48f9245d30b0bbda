#pragma once
// Passwords and keys of the command line: how they are given, none of them as an argument's value.

#include <optional>
#include <string>
#include <vector>

#include "g2face/payload/sealed.hpp"

namespace CLI {
class App;
}

namespace g2face::cli {

struct SecretOptions {
  std::string password_file, key, bind, map = "all";
  std::optional<int> password_fd;
  std::vector<std::string> recipients;  // of anonymize alone
};
/// What `anonymize` and `recover` have in common.
void add_secret_options(CLI::App& command, SecretOptions& options);

/// Asks for a password where none is named, and throws UsageError where nobody can be asked; FileError for files.
payload::Sealer make_sealer(const SecretOptions& options);
payload::Opener make_opener(const SecretOptions& options);
/// A key file. Throws FileError naming it.
payload::Key read_key(const std::string& path);
/// Whether any is given.
bool names_a_secret(const SecretOptions& options);

payload::ChannelMap channel_map(const SecretOptions& options);
/// A single aligned face: the whole picture of the model's size.
payload::Binding binding_of(const SecretOptions& options, std::int64_t resolution, const std::string& model_hash);

}  // namespace g2face::cli
