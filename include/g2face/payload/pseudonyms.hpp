#pragma once
// The people of a project and the faces that they are given: the same person the same face in every image, and another
// one in another project.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "g2face/payload/sealed.hpp"

namespace g2face::payload {

/// Somebody who was met.
struct GalleryPerson {
  std::array<std::uint8_t, 16> name{};  // random
  std::uint32_t draw = 0;
  std::vector<float> identity;  // of length 1
};

/// A gallery of those who were met, by their identity vectors, as whoever holds the project's key can keep it. A face
/// belongs to the likest person of the gallery, by the cosine of their identities, if that is at least `same_person`.
///
/// The pseudonym of a person is a number below 2^53, the seed of all that is drawn for them: the first 53 bits of
/// BLAKE2b of the person's 16 random bytes and the number of the draw (4 bytes), keyed with the project's key. Without
/// that key the pseudonyms of two people, or of one person in two projects, are unrelated numbers.
class Pseudonyms {
 public:
  /// Nobody yet. `model`: the name of the model whose identities these are, e.g. the hash of its file.
  Pseudonyms(const Key& project, std::string model, double same_person);
  /// As bytes() gave them. Throws NotAuthentic for another key or model, or damage.
  Pseudonyms(const Key& project, std::string model, double same_person, std::span<const std::uint8_t> bytes);

  /// Who this is.
  std::optional<std::size_t> find(std::span<const float> identity) const;
  /// Somebody new; returns their place. Their first image is what they are recognised by from now on.
  std::size_t add(std::span<const float> identity, const Random& random = {});
  std::size_t size() const { return people_.size(); }

  /// Pseudonyms of one person: draw 0, and others for when that one will not do.
  std::uint64_t seed(std::size_t person, std::uint32_t draw) const;
  /// The draw that was taken for a person: their pseudonym from now on. 0 at first.
  std::uint32_t draw(std::size_t person) const { return people_.at(person).draw; }
  void take(std::size_t person, std::uint32_t draw) { people_.at(person).draw = draw; }
  void forget_last() { people_.pop_back(); }

  /// All of it, encrypted and authenticated with the project's key, other bytes each time: the text
  /// "g2face people 1\n", 24 random bytes, and XChaCha20-Poly1305 of the values of an identity (4 bytes, the low
  /// first), and for each person 16 bytes, the draw (4) and the identity (float32). The model's name is authenticated
  /// too.
  std::vector<std::uint8_t> bytes() const;

 private:
  Secret seeds_, seal_;
  std::string model_;
  double same_person_;
  std::vector<GalleryPerson> people_;
};

}  // namespace g2face::payload
