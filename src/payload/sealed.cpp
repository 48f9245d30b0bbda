#include "g2face/payload/sealed.hpp"

#include <sodium.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <exception>
#include <map>
#include <utility>

#include "payload/format.hpp"
#include "payload/unlock.hpp"

namespace g2face::payload {
namespace {

/// The exponents that bits of floats have at the positions that carry nothing: those of normal values.
void fill_exponents(std::span<std::uint8_t> bits, const Random& random) {
  std::array<std::uint32_t, 2> drawn{};
  for (std::size_t at = 0; at < bits.size(); at += 32) {
    random({reinterpret_cast<std::uint8_t*>(drawn.data()), sizeof(drawn)});
    const double u = (drawn[0] + 1.0) * 0x1p-32, angle = drawn[1] * 0x1p-32 * 2 * 3.14159265358979323846;
    const auto normal = static_cast<float>(std::sqrt(-2 * std::log(u)) * std::cos(angle));
    const auto as_bits = std::bit_cast<std::uint32_t>(normal);
    for (std::size_t i = 1; i <= 8; ++i) bits[at + i] = (as_bits >> (31 - i)) & 1;
  }
}

/// Whether it is a lock of so many recipients, by its first byte.
bool is_for(std::span<const std::uint8_t> lock, std::size_t recipients) {
  return lock[0] == static_cast<int>(LockKind::recipients) * 16 + static_cast<int>(recipients);
}

/// The key that a file's lock was made with, of one of the recipients.
std::optional<Secret> unwrap(std::span<const std::uint8_t> lock, const Key& key) {
  for (std::size_t at = 1; at + boxed_key_bytes <= lock.size(); at += boxed_key_bytes) {
    if (auto shared = open_box(lock.subspan(at, boxed_key_bytes), key)) return shared;
  }
  return std::nullopt;
}

}  // namespace

struct Sealer::State {
  LockKind kind = LockKind::key;
  PasswordCost cost;
  std::array<std::uint8_t, 16> password_salt{};
  Secret shared;  // none for recipients
  Secret lock_mask;
  std::vector<PublicKey> recipients;
  Random random;

  State(LockKind k, Random r) : kind(k), lock_mask(public_mask_key()), random(std::move(r)) {
    if (!random) random = [](std::span<std::uint8_t> bytes) { randombytes_buf(bytes.data(), bytes.size()); };
  }

  /// And, for recipients, the key of this file.
  std::pair<Bytes, Secret> new_lock() {
    if (kind != LockKind::recipients) {
      std::array<std::uint8_t, 24> salt{};
      std::copy(password_salt.begin(), password_salt.end(), salt.begin());
      random(kind == LockKind::key ? std::span<std::uint8_t>(salt) : std::span(salt).subspan(password_salt.size()));
      return {write_lock(kind, cost, salt), Secret()};
    }
    Secret key(key_bytes);
    random(key.bytes());
    Bytes lock(lock_size(recipients.size()));
    lock[0] = static_cast<std::uint8_t>(static_cast<int>(kind) * 16 + static_cast<int>(recipients.size()));
    std::size_t at = 1;
    for (const PublicKey& to : recipients) {
      seal_box(key, to, &lock[at]);
      at += boxed_key_bytes;
    }
    return {std::move(lock), std::move(key)};
  }
};

Sealer::Sealer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Sealer::~Sealer() = default;
Sealer::Sealer(Sealer&&) noexcept = default;
Sealer& Sealer::operator=(Sealer&&) noexcept = default;

Sealer Sealer::with_password(const Secret& password, const PasswordCost& cost, Random random) {
  auto state = std::make_unique<State>(LockKind::password, std::move(random));
  state->cost = cost;
  state->random(state->password_salt);
  state->shared = password_key(password, state->password_salt, cost);
  return Sealer(std::move(state));
}

Sealer Sealer::with_key(const Key& key, Random random) {
  auto state = std::make_unique<State>(LockKind::key, std::move(random));
  state->shared = key.derived("key");
  state->lock_mask = key.derived("lock");
  return Sealer(std::move(state));
}

Sealer Sealer::for_recipients(std::vector<PublicKey> recipients) {
  check<Error>(!recipients.empty() && recipients.size() <= max_recipients, recipients.size(), " recipients: 1 to ",
               max_recipients, " were expected");
  auto state = std::make_unique<State>(LockKind::recipients, Random());
  state->recipients = std::move(recipients);
  return Sealer(std::move(state));
}

std::size_t Sealer::lock_bytes() const { return lock_size(state_->recipients.size()); }

std::vector<std::uint8_t> Sealer::seal(std::span<const float> identity, const Channel& channel,
                                       const Binding& binding) {
  return seal_all(identity, 1, channel, [&](std::size_t) { return binding; });
}

std::vector<std::uint8_t> Sealer::seal_all(std::span<const float> identities, std::size_t count, const Channel& channel,
                                           const std::function<Binding(std::size_t)>& binding_of) {
  check<ShapeError>(count > 0 && identities.size() % count == 0, identities.size(), " numbers for ", count,
                    " identities");
  const std::size_t dimension = identities.size() / count;
  const Frame& frame = shared_frame(channel, dimension, lock_bytes());
  Bytes all(count * channel.bits);
  const auto bits_of = [&](std::size_t i) { return std::span(all).subspan(i * channel.bits, channel.bits); };
  Secret of_files(count * file_key_bytes);  // one piece: each costs system calls that make all threads wait
  struct File {
    Bytes lock;
    FileKeys keys;
  };
  std::vector<File> files;
  for (std::size_t i = 0; i < count; ++i) {
    auto [lock, own] = state_->new_lock();
    const Secret& shared = own.empty() ? state_->shared : own;
    FileKeys keys = file_keys(shared, lock, of_files.bytes().subspan(i * file_key_bytes, file_key_bytes));
    files.push_back({std::move(lock), std::move(keys)});
    if (channel.map == ChannelMap::float_positions) fill_exponents(bits_of(i), state_->random);
  }
  const auto seal_one = [&](std::size_t i) {
    const auto& [lock, keys] = files[i];
    Bytes plain = write_plain(quantise(identities.subspan(i * dimension, dimension), frame.shares().bits_per_value));
    const Bytes body = seal_body(keys, plain, binding_of(i));
    wipe(plain);
    const Bytes word = frame.encode(lock, state_->lock_mask.bytes(), body, keys.mask());
    for (std::size_t k = 0; k < word.size(); ++k) bits_of(i)[frame.order()[k]] = word[k];
  };
  std::vector<std::exception_ptr> failures(count);  // exceptions may not leave the loop
#pragma omp parallel for schedule(static) if (count > 1)
  for (std::size_t i = 0; i < count; ++i) {
    try {
      seal_one(i);
    } catch (...) {
      failures[i] = std::current_exception();
    }
  }
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  return all;
}

struct Opener::State {
  std::optional<PasswordKeys> password;  // this
  std::optional<Key> key;                // or that

  /// The secret of a lock, or nothing if it is not for us.
  std::optional<Secret> shared_of(std::span<const std::uint8_t> lock, std::size_t recipients) {
    if (key && recipients > 0) {
      return is_for(lock, recipients) ? unwrap(lock, *key) : std::nullopt;
    }
    if (key) return lock[0] == 0 && lock[1] == 0 ? std::optional(key->derived("key")) : std::nullopt;
    const auto cost = read_password_lock(lock);
    if (!cost) return std::nullopt;
    std::array<std::uint8_t, 16> salt{};
    std::copy_n(lock.begin() + 2, salt.size(), salt.begin());
    return password->key(salt, *cost).copy();
  }
};

Opener::Opener(std::unique_ptr<State> state) : state_(std::move(state)) {}
Opener::~Opener() = default;
Opener::Opener(Opener&&) noexcept = default;
Opener& Opener::operator=(Opener&&) noexcept = default;

Opener Opener::with_password(Secret password) {
  auto state = std::make_unique<State>();
  state->password.emplace(std::move(password));
  return Opener(std::move(state));
}

Opener Opener::with_key(Key key) {
  auto state = std::make_unique<State>();
  state->key = std::move(key);
  return Opener(std::move(state));
}

namespace {

/// The share of channel bits that were read wrong.
double error_rate(std::span<const float> llr, const Bytes& word) {
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < word.size(); ++i) wrong += (llr[i] < 0 ? 1 : 0) != word[i] ? 1U : 0U;
  return static_cast<double>(wrong) / static_cast<double>(word.size());
}

}  // namespace

std::optional<VisibleLock> find_lock(std::span<const float> logits, std::size_t dimension, const Channel& channel) {
  check<ShapeError>(logits.size() == channel.bits, logits.size(), " logits for a channel of ", channel.bits, " bits");
  const Secret lock_mask(public_mask_key());
  for (std::size_t recipients = 0; recipients <= max_recipients; ++recipients) {
    try {
      const Frame& frame = shared_frame(channel, dimension, lock_size(recipients));
      for (const std::vector<float>& llr : readings(logits, frame.order())) {
        const auto lock = frame.lock(llr, lock_mask.bytes());
        if (!lock) continue;
        if (recipients == 0 && read_password_lock(*lock)) return VisibleLock{.password = true};
        if (recipients > 0 && is_for(*lock, recipients)) return VisibleLock{.recipients = recipients};
      }
    } catch (const CapacityError&) {
      break;
    }
  }
  return std::nullopt;
}

Opened Opener::open(std::span<const float> logits, std::size_t dimension, const Channel& channel,
                    const Binding& binding) {
  check<ShapeError>(logits.size() == channel.bits, logits.size(), " logits for a channel of ", channel.bits, " bits");
  bool had_lock = false;
  for (std::size_t recipients = 0; recipients <= (state_->key ? max_recipients : 0); ++recipients) {
    try {
      layout(channel.capacity(), dimension, lock_size(recipients));
    } catch (const CapacityError&) {
      if (recipients == 0) throw;
      break;
    }
    const Frame& frame = shared_frame(channel, dimension, lock_size(recipients));
    const Secret lock_mask = state_->key && recipients == 0 ? state_->key->derived("lock") : Secret(public_mask_key());
    for (const std::vector<float>& llr : readings(logits, frame.order())) {
      const auto lock = frame.lock(llr, lock_mask.bytes());
      const auto shared = lock ? state_->shared_of(*lock, recipients) : std::nullopt;
      had_lock = had_lock || lock;
      if (!shared) continue;
      const FileKeys keys = file_keys(*shared, *lock);
      const auto body = frame.body(llr, keys.mask());
      auto plain = body ? open_body(keys, *body, binding) : std::nullopt;
      if (!plain) continue;
      const auto q = read_plain(*plain, dimension);
      wipe(*plain);
      check<NotAuthentic>(q.has_value(), "the payload is authentic, but of a format that this version does not read");
      const Bytes word = frame.encode(*lock, lock_mask.bytes(), *body, keys.mask());
      return {.identity = dequantise(*q),
              .bits_per_value = q->bits,
              .bit_error_rate = error_rate(llr, word),
              .channel_bits = word.size(),
              .error_limit = frame.shares().error_limit()};
    }
  }
  throw NotAuthentic(had_lock ? "the payload cannot be opened: wrong password or key, another model or picture, or "
                                "damaged"
                              : "no sealed payload can be read: there is none, it is damaged, or it was sealed for "
                                "another kind of secret");
}

}  // namespace g2face::payload
