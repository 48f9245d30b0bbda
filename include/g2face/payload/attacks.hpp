#pragma once
// Attacks on sealed payloads, counted: what `g2face attack` runs. docs/attack.md says what each stands for.

#include <cstdint>
#include <span>
#include <vector>

#include "g2face/payload/sealed.hpp"

namespace g2face::payload {

/// What an attack came to. An attacker wins with a false accept: something opened that should not have, or as somebody
/// else than was sealed.
struct Tally {
  std::int64_t tries = 0;
  std::int64_t opened = 0;  // as what was sealed there
  std::int64_t false_accepts = 0;
  double seconds = 0;
  Tally& operator+=(const Tally& other);
};

/// One sealed payload as it is read, and what whoever sealed it knows.
struct Target {
  std::vector<float> logits;  // [channel.bits], positive for 1; opening them with the key gives `identity`
  std::vector<float> identity;
  Channel channel;
  Binding binding;
};

/// How an attack is run: the same numbers from the same seed, whatever the threads.
struct AttackRun {
  std::int64_t tries = 0;
  std::uint64_t seed = 0;
  int threads = 1;
};

/// Makes a target of bits that were sealed, as an extractor reads them that makes no mistake.
Target target_of(std::span<const std::uint8_t> bits, const Key& key, std::size_t dimension, const Channel& channel,
                 const Binding& binding);

/// Random file keys, against the tag of a body that was found with the right key: what is left to guess for who can
/// do all else. Throws NotAuthentic if the key does not open the target.
Tally try_file_keys(const Target& target, const Key& key, const AttackRun& run);
/// Random key files, through all that opening does.
Tally try_keys(const Target& target, const AttackRun& run);

/// The right key, after each bit was flipped with this probability.
Tally flip_bits(const Target& target, const Key& key, double rate, const AttackRun& run);
/// The right key, on what was put together of two payloads: the lock of one and the body of the other, halves of the
/// image, and bits drawn from either.
Tally splice(const Target& a, const Target& b, const Key& key, const AttackRun& run);
/// The right key, on a payload that was carried to another place: `to` is its binding. Opened or not, once.
Tally replay(const Target& target, const Key& key, const Binding& to);

/// What somebody without a key can decode: the lock and the body with masks that everybody knows. Whatever is found of
/// the body counts as a false accept; `opened` says that the lock was read (docs/threat_model.md).
Tally read_without_key(const Target& target);
/// Whether the locks of two payloads that were sealed with key files differ by a code word, as they do if it was one
/// key: who has the model can tell.
bool share_a_key(const Target& a, const Target& b);

}  // namespace g2face::payload
