#include "g2face/payload/pseudonyms.hpp"

#include <sodium.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "payload/people_format.hpp"

namespace g2face::payload {
namespace {

constexpr std::string_view begins = "g2face people 1\n";
constexpr std::size_t nonce_bytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
                      tag_bytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;

std::vector<float> direction(std::span<const float> x) {
  double sum = 0;
  for (const float v : x) sum += static_cast<double>(v) * v;
  check<Error>(std::isfinite(sum) && sum > 0, "an identity of length ", std::sqrt(sum), " is nobody's");
  std::vector<float> unit(x.begin(), x.end());
  for (float& v : unit) v = static_cast<float>(v / std::sqrt(sum));
  return unit;
}

std::vector<std::uint8_t> associated(const std::string& model) {
  std::vector<std::uint8_t> data(begins.size() + model.size());
  std::copy(model.begin(), model.end(), std::copy(begins.begin(), begins.end(), data.begin()));
  return data;
}

}  // namespace

Pseudonyms::Pseudonyms(const Key& project, std::string model, double same_person)
    : seeds_(project.derived("pseudonyms")),
      seal_(project.derived("people")),
      model_(std::move(model)),
      same_person_(same_person) {
  check<Error>(same_person > 0 && same_person <= 1, "people are the same from a cosine of ", same_person,
               " on: one above 0 and up to 1 was expected");
}

Pseudonyms::Pseudonyms(const Key& project, std::string model, double same_person, std::span<const std::uint8_t> bytes)
    : Pseudonyms(project, std::move(model), same_person) {
  const std::size_t head = begins.size() + nonce_bytes;
  check<NotAuthentic>(bytes.size() >= head + tag_bytes + 4 && std::equal(begins.begin(), begins.end(), bytes.begin()),
                      "is no gallery of people, or was cut");
  const auto data = associated(model_);
  std::vector<std::uint8_t> plain(bytes.size() - head - tag_bytes);
  const bool is_ours =
      crypto_aead_xchacha20poly1305_ietf_decrypt(plain.data(), nullptr, nullptr, &bytes[head], bytes.size() - head,
                                                 data.data(), data.size(), &bytes[begins.size()], seal_.data()) == 0;
  check<NotAuthentic>(is_ours, "was made with another key or another model, or is damaged");
  std::optional<std::vector<GalleryPerson>> people = read_people(plain);
  wipe(plain);
  check<NotAuthentic>(people.has_value(), "is authentic, but of another format");
  people_ = std::move(*people);
}

std::optional<std::size_t> Pseudonyms::find(std::span<const float> identity) const {
  const std::vector<float> wanted = direction(identity);
  std::optional<std::size_t> likest;
  double most = same_person_;
  for (std::size_t i = 0; i < people_.size(); ++i) {
    const std::vector<float>& known = people_[i].identity;
    check<ShapeError>(known.size() == wanted.size(), "an identity of ", wanted.size(), " values; the gallery's have ",
                      known.size());
    double cosine = 0;
    for (std::size_t k = 0; k < wanted.size(); ++k) cosine += static_cast<double>(wanted[k]) * known[k];
    if (cosine < most) continue;
    most = cosine;
    likest = i;
  }
  return likest;
}

std::size_t Pseudonyms::add(std::span<const float> identity, const Random& random) {
  GalleryPerson p{.name = {}, .draw = 0, .identity = direction(identity)};
  check<ShapeError>(people_.empty() || people_[0].identity.size() == identity.size(), "an identity of ",
                    identity.size(), " values does not belong into this gallery");
  random ? random(p.name) : randombytes_buf(p.name.data(), p.name.size());
  people_.push_back(std::move(p));
  return people_.size() - 1;
}

std::uint64_t Pseudonyms::seed(std::size_t person, std::uint32_t draw) const {
  const GalleryPerson& p = people_.at(person);
  Bytes name(p.name.begin(), p.name.end());
  for (int i = 0; i < 4; ++i) name.push_back(static_cast<std::uint8_t>(draw >> (8 * i)));
  std::array<std::uint8_t, 32> hash{};
  crypto_generichash(hash.data(), hash.size(), name.data(), name.size(), seeds_.data(), seeds_.size());
  std::uint64_t seed = 0;
  for (std::size_t i = 0; i < 8; ++i) seed = seed << 8 | hash[i];
  return seed >> 11;
}

std::vector<std::uint8_t> Pseudonyms::bytes() const {
  Bytes plain = write_people(people_);
  const auto data = associated(model_);
  const std::size_t head = begins.size() + nonce_bytes;
  std::vector<std::uint8_t> out(begins.begin(), begins.end());
  out.resize(head + plain.size() + tag_bytes);
  randombytes_buf(&out[begins.size()], nonce_bytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(&out[head], nullptr, plain.data(), plain.size(), data.data(), data.size(),
                                             nullptr, &out[begins.size()], seal_.data());
  wipe(plain);
  return out;
}

}  // namespace g2face::payload
