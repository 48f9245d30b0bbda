#pragma once
// Memory of plans.

#include <cstddef>

namespace g2face {

/// 64-byte aligned memory whose address is fixed while it lives. Large blocks come from the system and go back to it at
/// once, on huge pages where it offers them; a heap would keep what parameters leave behind when they are packed.
class Block {
 public:
  Block() = default;
  /// Throws DeviceError when there is not enough.
  explicit Block(std::size_t bytes);
  ~Block() { free(); }
  Block(Block&& other) noexcept;
  Block& operator=(Block&& other) noexcept;

  std::byte* data() const { return data_; }
  /// The contents are lost; the address stays.
  void release_pages();

 private:
  void free();

  std::byte* data_ = nullptr;
  std::size_t mapped_ = 0;  // bytes of a mapping; 0: from the heap
};

}  // namespace g2face
