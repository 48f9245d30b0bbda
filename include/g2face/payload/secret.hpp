#pragma once
// Bytes that nobody else shall see.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace g2face::payload {

/// Memory for a password or a key: kept out of swap and of core dumps as far as the system allows, between pages that
/// nobody may touch, and zeroed when it goes. Not copied by accident.
class Secret {
 public:
  Secret() = default;
  /// Zeros.
  explicit Secret(std::size_t size);
  /// A copy; whoever holds the original wipes that.
  explicit Secret(std::span<const std::uint8_t> bytes);
  explicit Secret(std::string_view text);

  Secret copy() const { return Secret(bytes()); }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::span<std::uint8_t> bytes() { return {data_.get(), size_}; }
  std::span<const std::uint8_t> bytes() const { return {data_.get(), size_}; }
  const std::uint8_t* data() const { return data_.get(); }
  std::uint8_t* data() { return data_.get(); }

  /// In a time that does not depend on where they differ.
  bool operator==(const Secret& other) const;

 private:
  struct Wipe {
    void operator()(std::uint8_t* data) const noexcept;
  };
  std::unique_ptr<std::uint8_t, Wipe> data_;
  std::size_t size_ = 0;
};

/// Overwrites with zeros, which the compiler may not leave out.
void wipe(std::span<std::uint8_t> bytes) noexcept;

}  // namespace g2face::payload
