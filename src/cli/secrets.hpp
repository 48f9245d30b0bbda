#pragma once
// Passwords and keys of the command line: how they are given, none of them as an argument's value.

#include <optional>
#include <string>
#include <vector>

#include "g2face/anonymizer.hpp"
#include "g2face/payload/side.hpp"

namespace CLI {
class App;
}

namespace g2face::cli {

struct SecretOptions {
  std::string password_file, key, bind, map = "model";
  std::optional<int> password_fd;
  std::vector<std::string> recipients;  // of anonymize alone
};
/// --password-file, --password-fd and --key.
void add_opening_options(CLI::App& command, SecretOptions& options);
void add_payload_map_option(CLI::App& command, std::string& map);
/// What `anonymize` and `recover` have in common.
void add_secret_options(CLI::App& command, SecretOptions& options);

/// What was named, read once; a password where nothing is.
struct Secrets {
  std::optional<payload::Secret> password;
  std::optional<payload::Key> key;
  std::vector<payload::PublicKey> recipients;
};
/// What opens: a password or a key. Asks for a password where nothing is named, and throws UsageError where nobody can
/// be asked; FileError for files.
Secrets read_opening_secrets(const SecretOptions& options);
/// The same of what seals, of any number of kinds; a password that is typed is asked for twice. `asking`: for what.
Secrets read_sealing_secrets(const SecretOptions& options, const std::string& asking = "Password");

/// For the pixels, which have room for one kind alone: UsageError for several.
payload::Sealer make_sealer(const Secrets& secrets);
payload::SideLocks make_locks(const Secrets& secrets);
payload::Opener make_opener(const Secrets& secrets);
payload::SideOpener make_side_opener(const Secrets& secrets);
/// What a decoy's face is drawn from: the same for one secret and picture, and for others another. Costs what a
/// password costs, each time.
std::uint64_t decoy_seed(const Secrets& secrets, const std::array<std::uint8_t, 32>& picture);
/// A key file. Throws FileError naming it.
payload::Key read_key(const std::string& path);
/// Whether any is given.
bool names_a_secret(const SecretOptions& options);

/// Of --payload-map.
payload::ChannelMap channel_map(const std::string& map, const Anonymizer& anonymizer);
/// A single aligned face: the whole picture of the model's size.
payload::Binding binding_of(const SecretOptions& options, std::int64_t resolution, const std::string& model_hash);

}  // namespace g2face::cli
