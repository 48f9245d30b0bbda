#pragma once
// Memory of plans.

#include <cstddef>
#include <utility>

#include "backend.hpp"

namespace g2face {

/// Memory of a device whose address is fixed while it lives.
class Block {
 public:
  Block() = default;
  /// Throws DeviceError when there is not enough.
  Block(Backend& backend, std::size_t bytes)
      : backend_(&backend), data_(bytes > 0 ? backend.allocate(bytes) : nullptr), bytes_(bytes) {}
  ~Block() { free(); }
  Block(Block&& other) noexcept
      : backend_(other.backend_), data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}
  Block& operator=(Block&& other) noexcept {
    if (this != &other) {
      free();
      backend_ = other.backend_;
      data_ = std::exchange(other.data_, nullptr);
      bytes_ = other.bytes_;
    }
    return *this;
  }

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  /// The contents are lost; the address stays.
  void forget() {
    if (data_ != nullptr) backend_->forget(data_, bytes_);
  }

 private:
  void free() {
    if (data_ != nullptr) backend_->release(data_, bytes_);
  }

  Backend* backend_ = nullptr;
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace g2face
