#pragma once
// The sealed payload: an identity vector as hidden bits that only the holder of a secret can read. docs/payload.md
// describes the format byte for byte, docs/threat_model.md whom it keeps out.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "g2face/error.hpp"
#include "g2face/payload/keys.hpp"

namespace g2face::payload {

/// A payload that is not there, is damaged beyond repair, or was not sealed for this secret, model and place.
struct NotAuthentic : Error {
  using Error::Error;
};
/// An image too small for what shall be hidden.
struct CapacityError : Error {
  using Error::Error;
};

/// Which of the hidden bits carry a payload.
enum class ChannelMap : std::uint8_t {
  all,             // every one: for models trained on uniform bits
  float_positions  // sign and mantissa of each 32: for the authors' weights, which have seen the bits of floats only
};
struct Channel {
  std::size_t bits = 0;  // that the model hides; a multiple of 32
  ChannelMap map = ChannelMap::all;
  std::size_t capacity() const { return map == ChannelMap::all ? bits : bits / 32 * 24; }
  bool operator==(const Channel&) const = default;
};

/// What a payload belongs to. All of it is authenticated: opening it as something else fails.
struct Binding {
  std::string model = {};             // the model's name of any kind, e.g. the hash of its file
  std::uint32_t face = 0;             // which face of a picture
  std::array<std::int32_t, 4> box{};  // left, top, width, height
  std::string file = {};              // which picture; empty if nobody will know when it is opened
  bool operator==(const Binding&) const = default;
};

/// How a channel is shared out.
struct Layout {
  std::size_t lock_bytes = 0, body_bytes = 0;      // before error correction
  std::size_t lock_channel = 0, body_channel = 0;  // bits after it
  int bits_per_value = 0;
  double rate() const;  // data bits for each channel bit
  /// The share of wrong bits from which no code of the body's rate corrects hard decisions: where the capacity of the
  /// binary symmetric channel falls to it (Shannon, 1948). Ours corrects about four fifths of that (docs/payload.md).
  double error_limit() const;
};
/// The most bits for each value, 4 to 6, with which the rate stays below 5/8, or else 3 if it is below 4/5 with them.
/// Throws CapacityError with the bits that are needed. `lock_bytes`: lock_size.
Layout layout(std::size_t capacity, std::size_t dimension, std::size_t lock_bytes);
/// Bytes that a secret's holder needs before the secret is of use: 26 for a password or a key.
std::size_t lock_size(std::size_t recipients = 0);
constexpr std::size_t max_recipients = 8;

/// Fills bytes; those of randombytes_buf unless a test wants the same ones again.
using Random = std::function<void(std::span<std::uint8_t>)>;

/// Seals with one secret. One thread at a time may use it.
class Sealer {
 public:
  /// Derives the key here, once, with a random salt that all payloads of this object share.
  static Sealer with_password(const Secret& password, const PasswordCost& cost = {}, Random random = {});
  static Sealer with_key(const Key& key, Random random = {});
  /// Each of the recipients can open; whoever seals cannot. 1 to max_recipients.
  static Sealer for_recipients(std::vector<PublicKey> recipients);
  ~Sealer();
  Sealer(Sealer&&) noexcept;
  Sealer& operator=(Sealer&&) noexcept;

  std::size_t lock_bytes() const;
  /// [channel.bits] of 0 and 1. Throws CapacityError, Error for an identity that is not finite.
  std::vector<std::uint8_t> seal(std::span<const float> identity, const Channel& channel, const Binding& binding);

  /// The same for `count` identities in a row, by several threads: [count][channel.bits]. What is drawn by chance is
  /// drawn in their order.
  std::vector<std::uint8_t> seal_all(std::span<const float> identities, std::size_t count, const Channel& channel,
                                     const std::function<Binding(std::size_t)>& binding_of);

 private:
  struct State;
  explicit Sealer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct Opened {
  std::vector<float> identity;
  int bits_per_value = 0;
  double bit_error_rate = 0;  // of the channel, before correction
  std::size_t channel_bits = 0;
  double error_limit = 0;  // see Layout
};

/// Opens with one secret. Keeps the keys of the salts it has met. One thread at a time may use it.
class Opener {
 public:
  static Opener with_password(Secret password);
  static Opener with_key(Key key);
  ~Opener();
  Opener(Opener&&) noexcept;
  Opener& operator=(Opener&&) noexcept;

  /// logits [channel.bits], positive for 1, of any scale; values that are not numbers count as unknown. Throws
  /// NotAuthentic, CapacityError if a payload cannot have been there.
  Opened open(std::span<const float> logits, std::size_t dimension, const Channel& channel, const Binding& binding);

 private:
  struct State;
  explicit Opener(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// What everybody can read of a payload: how it is locked. One that was sealed with a key file shows nothing, nor does
/// one that is damaged beyond repair.
struct VisibleLock {
  bool password = false;       // or else
  std::size_t recipients = 0;  // so many
};
std::optional<VisibleLock> find_lock(std::span<const float> logits, std::size_t dimension, const Channel& channel);

}  // namespace g2face::payload
