#include "payload/frame.hpp"

#include <sodium.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string_view>
#include <utility>

#include "g2face/payload/quantiser.hpp"
#include "payload/format.hpp"
#include "payload/numbers.hpp"
#include "payload/unlock.hpp"

namespace g2face::payload {

Bytes to_bits(std::span<const std::uint8_t> bytes) {
  Bytes bits(8 * bytes.size());
  for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = (bytes[i / 8] >> (7 - i % 8)) & 1;
  return bits;
}

Bytes to_bytes(std::span<const std::uint8_t> bits) {
  Bytes bytes(bits.size() / 8);
  for (std::size_t i = 0; i < 8 * bytes.size(); ++i) {
    bytes[i / 8] = static_cast<std::uint8_t>(bytes[i / 8] | (bits[i] << (7 - i % 8)));
  }
  return bytes;
}

namespace {

Bytes mask_bits(std::size_t count, std::span<const std::uint8_t> key) {
  const std::array<std::uint8_t, crypto_stream_xchacha20_NONCEBYTES> nonce{};
  Bytes stream((count + 7) / 8);
  crypto_stream_xchacha20(stream.data(), stream.size(), nonce.data(), key.data());
  return to_bits(stream);
}

std::vector<float> unmasked(std::span<const float> llr, std::span<const std::uint8_t> key) {
  const Bytes flips = mask_bits(llr.size(), key);
  std::vector<float> result(llr.begin(), llr.end());
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = flips[i] != 0 ? -result[i] : result[i];
  return result;
}

}  // namespace

void mask(std::span<std::uint8_t> bits, std::span<const std::uint8_t> key) {
  const Bytes flips = mask_bits(bits.size(), key);
  for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = static_cast<std::uint8_t>(bits[i] ^ flips[i]);
}

std::array<std::uint8_t, 32> public_mask_key() {
  constexpr std::string_view name = "g2face sealed lock";
  std::array<std::uint8_t, 32> key{};
  crypto_generichash(key.data(), key.size(), reinterpret_cast<const std::uint8_t*>(name.data()), name.size(), nullptr,
                     0);
  return key;
}

std::vector<std::uint32_t> channel_order(const Channel& channel) {
  std::vector<std::uint32_t> order;
  order.reserve(channel.capacity());
  for (std::uint32_t i = 0; i < channel.bits; ++i) {
    const bool is_exponent = i % 32 >= 1 && i % 32 <= 8;
    if (channel.map == ChannelMap::all || !is_exponent) order.push_back(i);
  }
  FixedNumbers numbers;
  for (std::size_t n = order.size(); n > 1; --n) std::swap(order[n - 1], order[numbers.below(n)]);
  return order;
}

std::vector<std::vector<float>> readings(std::span<const float> logits, const std::vector<std::uint32_t>& order) {
  constexpr float most = 10, hard = 4;
  std::vector<float> z(order.size());
  std::transform(order.begin(), order.end(), z.begin(), [&](std::uint32_t at) {
    return std::isnan(logits[at]) ? 0.0F : -std::clamp(logits[at], -1e6F, 1e6F);
  });
  // As if each were +-m with normal noise of variance v: the second and fourth moment say what m and v are. Bits are
  // never trusted more than those of a channel that gets one in 17 wrong: a better one needs no weighing.
  double second = 0, fourth = 0;
  for (const float value : z) {
    const double square = static_cast<double>(value) * value;
    second += square / static_cast<double>(z.size());
    fourth += square * square / static_cast<double>(z.size());
  }
  const double mean_square = std::sqrt(std::max(0.01 * second * second, (3 * second * second - fourth) / 2));  // of m
  const double variance = std::max(0.4 * mean_square, second - mean_square);
  const auto gain = static_cast<float>(second > 0 ? 2 * std::sqrt(mean_square) / variance : 0);
  std::vector<std::vector<float>> result(3, z);
  for (float& value : result[0]) value = std::clamp(gain * value, -most, most);
  for (float& value : result[1]) value = std::clamp(value, -most, most);
  for (float& value : result[2]) value = value == 0 ? 0 : std::copysign(hard, value);
  return result;
}

std::size_t lock_size(std::size_t recipients) {
  return recipients == 0 ? secret_lock_bytes : 1 + recipients * boxed_key_bytes;
}

double Layout::rate() const {
  return 8 * static_cast<double>(lock_bytes + body_bytes) / static_cast<double>(lock_channel + body_channel);
}

double Layout::error_limit() const {
  const double body_rate = 8 * static_cast<double>(body_bytes) / static_cast<double>(body_channel);
  double low = 0, high = 0.5;
  for (int i = 0; i < 50; ++i) {
    const double p = (low + high) / 2;
    const double capacity = 1 + p * std::log2(p) + (1 - p) * std::log2(1 - p);
    (capacity > body_rate ? low : high) = p;
  }
  return low;
}

Layout layout(std::size_t capacity, std::size_t dimension, std::size_t lock_bytes) {
  // Bits a value with the highest rate at which they are taken, in 40ths. The last way is for small models only.
  constexpr std::size_t unit = 40;
  constexpr std::array<std::pair<int, std::size_t>, 4> ways{{{6, 25}, {5, 25}, {4, 25}, {3, 32}}};
  Layout l;
  l.lock_bytes = lock_bytes;
  std::size_t bits = 0;
  const auto way = std::ranges::find_if(ways, [&](const auto& w) {
    l.bits_per_value = w.first;
    l.body_bytes = header_bytes + packed_bytes(dimension, w.first) + tag_bytes;
    bits = 8 * (l.lock_bytes + l.body_bytes);
    return unit * bits <= w.second * capacity;
  });
  const std::size_t needed = (unit * bits + ways.back().second - 1) / ways.back().second;
  check<CapacityError>(way != ways.end(), "the sealed payload of ", dimension, " values needs ", needed,
                       " hidden bits (", bits, " and error correction), but the model hides ", capacity,
                       ": take a larger model, fewer recipients, or hide nothing");
  // The lock is short, and short codes are weak: it gets more than its share.
  const std::size_t part = 8, more = 3 * bits <= capacity ? 12 : 9;
  l.lock_channel = capacity * more * l.lock_bytes / (more * l.lock_bytes + part * l.body_bytes);
  l.body_channel = capacity - l.lock_channel;
  return l;
}

Frame::Frame(const Channel& channel, std::size_t dimension, std::size_t lock_bytes)
    : layout_(layout(channel.capacity(), dimension, lock_bytes)),
      order_(channel_order(channel)),
      lock_code_(8 * lock_bytes, layout_.lock_channel) {}

const Ldpc& Frame::body_code() const {
  std::call_once(made_, [this] { body_code_.emplace(8 * layout_.body_bytes, layout_.body_channel); });
  return *body_code_;
}

const Frame& shared_frame(const Channel& channel, std::size_t dimension, std::size_t lock_bytes) {
  static std::mutex mutex;
  static std::map<std::array<std::size_t, 4>, Frame> frames;
  const std::scoped_lock lock(mutex);
  const std::array<std::size_t, 4> key{channel.bits, channel.map == ChannelMap::all ? 0U : 1U, dimension, lock_bytes};
  return frames.try_emplace(key, channel, dimension, lock_bytes).first->second;
}

Bytes Frame::encode(std::span<const std::uint8_t> lock, std::span<const std::uint8_t> lock_mask,
                    std::span<const std::uint8_t> body, std::span<const std::uint8_t> body_mask) const {
  Bytes word = lock_code_.encode(to_bits(lock));
  mask(word, lock_mask);
  Bytes rest = body_code().encode(to_bits(body));
  mask(rest, body_mask);
  word.insert(word.end(), rest.begin(), rest.end());
  return word;
}

std::optional<Bytes> Frame::lock(std::span<const float> llr, std::span<const std::uint8_t> lock_mask) const {
  const auto bits = lock_code_.decode(unmasked(llr.first(layout_.lock_channel), lock_mask));
  return bits ? std::optional(to_bytes(*bits)) : std::nullopt;
}

std::optional<Bytes> Frame::body(std::span<const float> llr, std::span<const std::uint8_t> body_mask) const {
  const auto bits = body_code().decode(unmasked(llr.subspan(layout_.lock_channel), body_mask));
  return bits ? std::optional(to_bytes(*bits)) : std::nullopt;
}

}  // namespace g2face::payload
