#pragma once
// Side data: what is carried beside the pixels, encrypted, for whoever shall recover. Unlike the payload in the pixels
// it is exact, of any size, for any mix of passwords, keys and recipients, and its locks can be changed or destroyed
// later. docs/side_data.md describes the format byte for byte.

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "g2face/payload/sealed.hpp"

namespace g2face::payload {

/// What is kept of one face.
struct SideFace {
  std::uint32_t face = 0;                   // which one of the picture
  std::array<std::int32_t, 4> box{};        // left, top, width, height in the original
  std::vector<float> identity = {};         // at most 65535 values
  std::vector<std::uint8_t> original = {};  // an image file of what the box showed; empty: not kept
};

/// What side data belongs to; it opens as nothing else.
struct SideBinding {
  std::array<std::uint8_t, 32> picture{};  // digest of the picture that it goes with
  std::string file = {};                   // as Binding::file
};

/// What everybody sees of side data.
struct SideInfo {
  int version = 0;
  std::string model = {};                               // Binding::model, of at most 255 bytes
  bool exact = false;                                   // every face has its original
  bool pixels = false;                                  // the pixels were given a payload too
  std::size_t passwords = 0, keys = 0, recipients = 0;  // that open it
  std::size_t body_bytes = 0;
  std::size_t locks() const { return passwords + keys + recipients; }
};
/// Throws NotAuthentic for bytes that are no side data, or a damaged one as far as that shows without a secret.
SideInfo side_info(std::span<const std::uint8_t> side);
constexpr std::size_t max_side_locks = 255, max_side_passwords = 8;

/// Those who shall be able to open.
class SideLocks {
 public:
  /// `random`: see Sealer.
  explicit SideLocks(Random random = {});
  ~SideLocks();
  SideLocks(SideLocks&&) noexcept;
  SideLocks& operator=(SideLocks&&) noexcept;

  /// Derives its key here, once, with a random salt that everything locked with this object shares.
  void add_password(const Secret& password, const PasswordCost& cost = {});
  void add_key(const Key& key);
  void add_recipient(const PublicKey& recipient);
  std::size_t size() const;

 private:
  friend class SideAccess;
  struct State;
  std::unique_ptr<State> state_;
};

/// `pixels`: see SideInfo. Throws Error without locks or with more than max_side_locks or max_side_passwords, for an
/// identity or a model's name that is too long.
std::vector<std::uint8_t> seal_side(std::span<const SideFace> faces, const std::string& model, bool pixels,
                                    const SideBinding& binding, const SideLocks& locks);

struct OpenedSide {
  SideInfo info;
  std::vector<SideFace> faces;
};

/// Opens with one secret, and changes locks. Keeps the keys of the salts it has met. One thread at a time may use it.
/// All throw NotAuthentic if the secret opens none of the locks, or the bytes are not as they were written.
class SideOpener {
 public:
  static SideOpener with_password(Secret password);
  static SideOpener with_key(Key key);
  ~SideOpener();
  SideOpener(SideOpener&&) noexcept;
  SideOpener& operator=(SideOpener&&) noexcept;

  OpenedSide open(std::span<const std::uint8_t> side, const SideBinding& binding);

  // The same side data with other locks. The body is not looked at, so that no binding is needed.
  std::vector<std::uint8_t> add_locks(std::span<const std::uint8_t> side, const SideLocks& more);
  /// None but `locks` opens it any longer.
  std::vector<std::uint8_t> replace_locks(std::span<const std::uint8_t> side, const SideLocks& locks);
  /// Without those that this secret opens.
  std::vector<std::uint8_t> remove_own_locks(std::span<const std::uint8_t> side);

 private:
  struct State;
  explicit SideOpener(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Without any lock: nobody opens it again, whoever has a copy of these bytes alone.
std::vector<std::uint8_t> remove_all_locks(std::span<const std::uint8_t> side);

}  // namespace g2face::payload
