#include "g2face/payload/secret.hpp"

#include <sodium.h>

#include <algorithm>
#include <new>

#include "g2face/error.hpp"

namespace g2face::payload {

void Secret::Wipe::operator()(std::uint8_t* data) const noexcept { sodium_free(data); }

Secret::Secret(std::size_t size) : size_(size) {
  check<Error>(sodium_init() >= 0, "libsodium cannot be used here: it finds no source of randomness");
  if (size == 0) return;
  data_.reset(static_cast<std::uint8_t*>(sodium_malloc(size)));
  if (data_ == nullptr) throw std::bad_alloc();
  sodium_memzero(data_.get(), size);
}

Secret::Secret(std::span<const std::uint8_t> bytes) : Secret(bytes.size()) {
  std::copy(bytes.begin(), bytes.end(), data_.get());
}

Secret::Secret(std::string_view text) : Secret(text.size()) { std::copy(text.begin(), text.end(), data_.get()); }

bool Secret::operator==(const Secret& other) const {
  return size_ == other.size_ && (size_ == 0 || sodium_memcmp(data(), other.data(), size_) == 0);
}

void wipe(std::span<std::uint8_t> bytes) noexcept { sodium_memzero(bytes.data(), bytes.size()); }

}  // namespace g2face::payload
