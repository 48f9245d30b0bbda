#include "g2face/payload/attacks.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <thread>

#include "payload/format.hpp"

namespace g2face::payload {
namespace {

using Clock = std::chrono::steady_clock;
using Numbers = std::mt19937_64;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

enum class Outcome : std::uint8_t { refused, opened, false_accept };
/// One attempt, on numbers of its own.
using Attempt = std::function<Outcome(Numbers&)>;

void count(Tally& tally, Outcome outcome) {
  ++tally.tries;
  tally.opened += outcome == Outcome::opened ? 1 : 0;
  tally.false_accepts += outcome == Outcome::false_accept ? 1 : 0;
}

/// Attempts in pieces, each with numbers that its place alone decides. `make` is called once for each thread.
Tally attempts(const AttackRun& run, const std::function<Attempt()>& make) {
  constexpr std::int64_t piece = 64;
  const auto start = Clock::now();
  Tally total;
  std::mutex mutex;
  std::exception_ptr failure;
  std::atomic<std::int64_t> next{0};
  const auto work = [&] {
    try {
      const Attempt attempt = make();
      Tally mine;
      for (std::int64_t at = next.fetch_add(piece); at < run.tries; at = next.fetch_add(piece)) {
        Numbers numbers(run.seed * 0x9e3779b97f4a7c15ULL + static_cast<std::uint64_t>(at));
        for (std::int64_t i = at; i < std::min(at + piece, run.tries); ++i) count(mine, attempt(numbers));
      }
      const std::scoped_lock lock(mutex);
      total += mine;
    } catch (...) {
      const std::scoped_lock lock(mutex);
      failure = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  for (int i = 1; i < run.threads; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
  total.seconds = seconds_since(start);
  return total;
}

void fill(std::span<std::uint8_t> bytes, Numbers& numbers) {
  for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(numbers() >> 56);
}

Key random_key(Numbers& numbers) {
  std::string line = "g2face-secret-key-1 ";
  for (int i = 0; i < 64; ++i) line += "0123456789abcdef"[numbers() >> 60];
  return Key::parse(line);
}

Outcome open(Opener& opener, std::span<const float> logits, const Target& as) {
  try {
    const Opened opened = opener.open(logits, as.identity.size(), as.channel, as.binding);
    return opened.identity == as.identity ? Outcome::opened : Outcome::false_accept;
  } catch (const NotAuthentic&) {
    return Outcome::refused;
  }
}

const Frame& frame_of(const Target& target) {
  return shared_frame(target.channel, target.identity.size(), lock_size());
}

}  // namespace

Tally& Tally::operator+=(const Tally& other) {
  tries += other.tries;
  opened += other.opened;
  false_accepts += other.false_accepts;
  seconds += other.seconds;
  return *this;
}

Target target_of(std::span<const std::uint8_t> bits, const Key& key, std::size_t dimension, const Channel& channel,
                 const Binding& binding) {
  Target target{.logits = std::vector<float>(bits.size()), .identity = {}, .channel = channel, .binding = binding};
  std::transform(bits.begin(), bits.end(), target.logits.begin(), [](std::uint8_t b) { return b != 0 ? 1.0F : -1.0F; });
  target.identity = Opener::with_key(key.copy()).open(target.logits, dimension, channel, binding).identity;
  return target;
}

Tally try_file_keys(const Target& target, const Key& key, const AttackRun& run) {
  const Frame& frame = frame_of(target);
  const Secret lock_mask = key.derived("lock"), shared = key.derived("key");
  for (const std::vector<float>& llr : readings(target.logits, frame.order())) {
    const auto lock = frame.lock(llr, lock_mask.bytes());
    if (!lock) continue;
    const FileKeys right = file_keys(shared, *lock);
    const auto body = frame.body(llr, right.mask());
    if (!body || !open_body(right, *body, target.binding)) continue;
    return attempts(run, [&] {
      const auto guess = std::make_shared<FileKeys>(file_keys(shared, *lock));
      return [&, guess](Numbers& numbers) {
        fill(guess->seal(), numbers);
        return open_body(*guess, *body, target.binding) ? Outcome::false_accept : Outcome::refused;
      };
    });
  }
  throw NotAuthentic("the payload to attack does not open with its own key");
}

Tally try_keys(const Target& target, const AttackRun& run) {
  return attempts(run, [&] {
    return [&](Numbers& numbers) {
      Opener opener = Opener::with_key(random_key(numbers));
      const Outcome outcome = open(opener, target.logits, target);
      return outcome == Outcome::opened ? Outcome::false_accept : outcome;
    };
  });
}

Tally flip_bits(const Target& target, const Key& key, double rate, const AttackRun& run) {
  return attempts(run, [&] {
    const auto opener = std::make_shared<Opener>(Opener::with_key(key.copy()));
    return [&target, rate, opener](Numbers& numbers) {
      std::vector<float> logits = target.logits;
      std::bernoulli_distribution flips(rate);
      for (float& z : logits) z = flips(numbers) ? -z : z;
      return open(*opener, logits, target);
    };
  });
}

Tally splice(const Target& a, const Target& b, const Key& key, const AttackRun& run) {
  check<ShapeError>(a.channel == b.channel, "payloads of two channels cannot be spliced");
  const Frame& frame = frame_of(a);
  Opener opener = Opener::with_key(key.copy());
  const auto start = Clock::now();
  Tally tally;
  const auto attempt = [&](const auto& from_b) {
    std::vector<float> logits = a.logits;
    for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = from_b(i) ? b.logits[i] : logits[i];
    count(tally, open(opener, logits, a));
  };
  std::vector<bool> in_lock(a.channel.bits);
  for (std::size_t i = 0; i < frame.shares().lock_channel; ++i) in_lock[frame.order()[i]] = true;
  attempt([&](std::size_t i) { return in_lock[i]; });
  attempt([&](std::size_t i) { return !in_lock[i]; });
  attempt([&](std::size_t i) { return i < a.channel.bits / 2; });
  attempt([&](std::size_t i) { return i >= a.channel.bits / 2; });
  Numbers numbers(run.seed);
  while (tally.tries < run.tries) attempt([&](std::size_t) { return numbers() >> 63 != 0; });
  tally.seconds = seconds_since(start);
  return tally;
}

Tally replay(const Target& target, const Key& key, const Binding& to) {
  const auto start = Clock::now();
  Target moved = target;
  moved.binding = to;
  Opener opener = Opener::with_key(key.copy());
  Tally tally;
  count(tally, open(opener, moved.logits, moved));
  tally.seconds = seconds_since(start);
  return tally;
}

Tally read_without_key(const Target& target) {
  const Frame& frame = frame_of(target);
  const auto start = Clock::now();
  Tally tally;
  for (const std::vector<float>& llr : readings(target.logits, frame.order())) {
    ++tally.tries;
    const auto lock = frame.lock(llr, public_mask_key());
    tally.opened += lock ? 1 : 0;
    tally.false_accepts += frame.body(llr, public_mask_key()) ? 1 : 0;
    tally.false_accepts += frame.body(llr, std::array<std::uint8_t, 32>{}) ? 1 : 0;
  }
  tally.seconds = seconds_since(start);
  return tally;
}

bool share_a_key(const Target& a, const Target& b) {
  check<ShapeError>(a.channel == b.channel, "payloads of two channels cannot be compared");
  const Frame& frame = frame_of(a);
  // The sum of two code words is one, and the masks of one key cancel. What is left of a mask is that of the reader.
  std::vector<float> sum(a.logits.size());
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const float least = std::min(std::abs(a.logits[i]), std::abs(b.logits[i]));
    sum[i] = (a.logits[i] < 0) == (b.logits[i] < 0) ? -least : least;
  }
  const std::array<std::uint8_t, 32> reader{};
  Bytes flips(frame.shares().lock_channel);
  mask(flips, reader);
  for (std::size_t i = 0; i < flips.size(); ++i) {
    if (flips[i] != 0) sum[frame.order()[i]] *= -1;
  }
  for (const std::vector<float>& llr : readings(sum, frame.order())) {
    if (frame.lock(llr, reader)) return true;
  }
  return false;
}

}  // namespace g2face::payload
