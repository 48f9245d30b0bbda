#include "g2face/payload/side.hpp"

#include <sodium.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "payload/aead.hpp"
#include "payload/side_format.hpp"
#include "payload/unlock.hpp"

namespace g2face::payload {
namespace {

constexpr std::array<std::uint8_t, 24> no_nonce{};  // each content key encrypts one body

/// The key that a secret locks content keys with.
Secret locking_key(const Secret& password_key) {
  constexpr std::string_view purpose = "side";
  Secret key(key_bytes);
  crypto_generichash(key.data(), key.size(), reinterpret_cast<const std::uint8_t*>(purpose.data()), purpose.size(),
                     password_key.data(), password_key.size());
  return key;
}

/// Ties a lock to its side data.
Bytes lock_associated_data(const SideHeader& header) {
  Bytes out;
  put(out, std::string_view("g2face side lock 1"));
  put(out, std::span<const std::uint8_t>(header.commitment));
  return out;
}

SideInfo info_of(const SideParts& parts) {
  SideInfo info{.version = side_version,
                .model = parts.header.model,
                .exact = parts.header.exact,
                .pixels = parts.header.pixels,
                .body_bytes = parts.body.size()};
  for (const SideLock& lock : parts.locks) {
    switch (lock.kind) {
      case SideLockKind::key:
        ++info.keys;
        break;
      case SideLockKind::password:
        ++info.passwords;
        break;
      case SideLockKind::recipient:
        ++info.recipients;
        break;
    }
  }
  return info;
}

}  // namespace

SideInfo side_info(std::span<const std::uint8_t> side) { return info_of(read_side(side)); }

struct SideLocks::State {
  struct Secretly {
    SideLock lock;  // without nonce and key
    Secret key;     // that it locks with
  };
  std::vector<Secretly> secrets;
  std::vector<PublicKey> recipients;
  Random random;
};

/// What the functions here may see of SideLocks.
class SideAccess {
 public:
  static void random(const SideLocks& locks, std::span<std::uint8_t> out) { locks.state_->random(out); }

  /// Locks for a content key whose commitment the header holds.
  static void add(std::vector<SideLock>& to, const SideLocks& locks, const Secret& content, const SideHeader& header) {
    const Bytes data = lock_associated_data(header);
    for (const auto& [lock, key] : locks.state_->secrets) {
      SideLock& made = to.emplace_back(lock);
      locks.state_->random(made.nonce);
      made.locked = encrypt(key.bytes(), made.nonce, content.bytes(), data);
    }
    for (const PublicKey& recipient : locks.state_->recipients) {
      SideLock& made = to.emplace_back();
      made.kind = SideLockKind::recipient;
      made.locked.resize(boxed_key_bytes);
      seal_box(content, recipient, made.locked.data());
    }
  }
};

SideLocks::SideLocks(Random random) : state_(std::make_unique<State>()) {
  state_->random = std::move(random);
  if (!state_->random) {
    state_->random = [](std::span<std::uint8_t> bytes) { randombytes_buf(bytes.data(), bytes.size()); };
  }
}
SideLocks::~SideLocks() = default;
SideLocks::SideLocks(SideLocks&&) noexcept = default;
SideLocks& SideLocks::operator=(SideLocks&&) noexcept = default;

void SideLocks::add_password(const Secret& password, const PasswordCost& cost) {
  SideLock lock{.kind = SideLockKind::password, .cost = cost};
  state_->random(lock.salt);
  Secret key = locking_key(password_key(password, lock.salt, cost));
  state_->secrets.push_back({std::move(lock), std::move(key)});
}

void SideLocks::add_key(const Key& key) {
  state_->secrets.push_back({SideLock{.kind = SideLockKind::key}, key.derived("side")});
}

void SideLocks::add_recipient(const PublicKey& recipient) { state_->recipients.push_back(recipient); }

std::size_t SideLocks::size() const { return state_->secrets.size() + state_->recipients.size(); }

std::vector<std::uint8_t> seal_side(std::span<const SideFace> faces, const std::string& model, bool pixels,
                                    const SideBinding& binding, const SideLocks& locks) {
  check<Error>(locks.size() > 0, "side data for nobody: a password, a key or a recipient was expected");
  Secret content(key_bytes);
  SideAccess::random(locks, content.bytes());
  SideParts parts;
  parts.header.model = model;
  parts.header.pixels = pixels;
  const auto is_exact = [](const SideFace& face) { return !face.original.empty(); };
  parts.header.exact = !faces.empty() && std::all_of(faces.begin(), faces.end(), is_exact);
  const SideKeys keys = side_keys(content, parts.header);
  parts.header.commitment = keys.commitment;
  SideAccess::add(parts.locks, locks, content, parts.header);
  Bytes plain = write_side_plain(faces);
  const Bytes body = encrypt(keys.seal.bytes(), no_nonce, plain, side_associated_data(parts.header, binding));
  wipe(plain);
  parts.body = body;
  return write_side(parts);
}

struct SideOpener::State {
  std::optional<PasswordKeys> password;  // this
  std::optional<Key> key;                // or that

  /// The content key in a lock, or nothing if it is not ours.
  std::optional<Secret> unlock(const SideLock& lock, const SideHeader& header) {
    std::optional<Secret> content;
    if (lock.kind == SideLockKind::recipient) {
      if (key) content = open_box(lock.locked, *key);
    } else if ((lock.kind == SideLockKind::password) == password.has_value()) {
      const Secret with = password ? locking_key(password->key(lock.salt, lock.cost)) : key->derived("side");
      if (auto opened = decrypt(with.bytes(), lock.nonce, lock.locked, lock_associated_data(header))) {
        content.emplace(std::span<const std::uint8_t>(*opened));
        wipe(*opened);
      }
    }
    // A box could come from other side data, and a password's lock could be made to open with two passwords.
    if (content &&
        sodium_memcmp(side_keys(*content, header).commitment.data(), header.commitment.data(), commitment_bytes) != 0) {
      content.reset();
    }
    return content;
  }

  Secret content_of(const SideParts& parts) {
    for (const SideLock& lock : parts.locks) {
      if (auto content = unlock(lock, parts.header)) return std::move(*content);
    }
    throw NotAuthentic(parts.locks.empty()
                           ? "the side data was erased: nobody can open it any longer"
                           : "the side data cannot be opened: wrong password or key, or its locks are damaged");
  }
};

SideOpener::SideOpener(std::unique_ptr<State> state) : state_(std::move(state)) {}
SideOpener::~SideOpener() = default;
SideOpener::SideOpener(SideOpener&&) noexcept = default;
SideOpener& SideOpener::operator=(SideOpener&&) noexcept = default;

SideOpener SideOpener::with_password(Secret password) {
  auto state = std::make_unique<State>();
  state->password.emplace(std::move(password));
  return SideOpener(std::move(state));
}

SideOpener SideOpener::with_key(Key key) {
  auto state = std::make_unique<State>();
  state->key = std::move(key);
  return SideOpener(std::move(state));
}

OpenedSide SideOpener::open(std::span<const std::uint8_t> side, const SideBinding& binding) {
  const SideParts parts = read_side(side);
  const SideKeys keys = side_keys(state_->content_of(parts), parts.header);
  auto plain = decrypt(keys.seal.bytes(), no_nonce, parts.body, side_associated_data(parts.header, binding));
  check<NotAuthentic>(plain.has_value(),
                      "the side data does not belong to this picture (or to the name in --bind), or it is damaged");
  auto faces = read_side_plain(*plain);
  wipe(*plain);
  check<NotAuthentic>(faces.has_value(), "the side data is authentic, but holds what this version does not read");
  return {info_of(parts), std::move(*faces)};
}

std::vector<std::uint8_t> SideOpener::add_locks(std::span<const std::uint8_t> side, const SideLocks& more) {
  SideParts parts = read_side(side);
  SideAccess::add(parts.locks, more, state_->content_of(parts), parts.header);
  return write_side(parts);
}

std::vector<std::uint8_t> SideOpener::replace_locks(std::span<const std::uint8_t> side, const SideLocks& locks) {
  check<Error>(locks.size() > 0, "no new lock: a password, a key or a recipient was expected");
  SideParts parts = read_side(side);
  const Secret content = state_->content_of(parts);
  parts.locks.clear();
  SideAccess::add(parts.locks, locks, content, parts.header);
  return write_side(parts);
}

std::vector<std::uint8_t> SideOpener::remove_own_locks(std::span<const std::uint8_t> side) {
  SideParts parts = read_side(side);
  static_cast<void>(state_->content_of(parts));
  std::erase_if(parts.locks, [&](const SideLock& lock) { return state_->unlock(lock, parts.header).has_value(); });
  return write_side(parts);
}

std::vector<std::uint8_t> remove_all_locks(std::span<const std::uint8_t> side) {
  SideParts parts = read_side(side);
  parts.locks.clear();
  return write_side(parts);
}

}  // namespace g2face::payload
