#include "payload/side_format.hpp"

#include <sodium.h>

#include <algorithm>
#include <bit>
#include <string_view>
#include <utility>

#include "payload/aead.hpp"
#include "payload/unlock.hpp"

namespace g2face::payload {
namespace {

constexpr std::string_view magic = "g2fside";
constexpr std::size_t max_model_bytes = 255, max_faces = 65535;
constexpr std::uint8_t exact_flag = 1, pixels_flag = 2;

/// Reads what others wrote: says at its end whether there was enough of it.
class Input {
 public:
  explicit Input(std::span<const std::uint8_t> bytes) : rest_(bytes) {}
  template <class T>
  T number() {
    return has(sizeof(T)) ? take<T>(rest_) : T{0};
  }
  std::span<const std::uint8_t> bytes(std::uint64_t size) {
    if (!has(size)) return {};
    const auto result = rest_.first(static_cast<std::size_t>(size));
    rest_ = rest_.subspan(result.size());
    return result;
  }
  template <std::size_t N>
  void fill(std::array<std::uint8_t, N>& out) {
    const auto from = bytes(N);
    std::copy(from.begin(), from.end(), out.begin());
  }
  std::span<const std::uint8_t> rest() const { return rest_; }
  bool ok() const { return ok_; }

 private:
  bool has(std::uint64_t size) {
    ok_ = ok_ && size <= rest_.size();
    return ok_;
  }

  std::span<const std::uint8_t> rest_;
  bool ok_ = true;
};

SideLock read_lock(Input& in) {
  SideLock lock;
  const auto kind = in.number<std::uint8_t>();
  check<NotAuthentic>(kind <= static_cast<int>(SideLockKind::recipient),
                      "damaged side data: a lock of the unknown kind ", int{kind});
  lock.kind = static_cast<SideLockKind>(kind);
  if (lock.kind == SideLockKind::password) {
    lock.cost = {.passes = in.number<std::uint8_t>(), .memory_log2 = in.number<std::uint8_t>()};
    in.fill(lock.salt);
    const auto& [passes, memory_log2] = lock.cost;
    check<NotAuthentic>(!in.ok() || (passes >= 1 && passes <= 15 && memory_log2 >= 13 && memory_log2 <= 30),
                        "damaged side data: a password's cost of ", passes, " passes over 2^", memory_log2, " bytes");
  }
  if (lock.kind != SideLockKind::recipient) in.fill(lock.nonce);
  const auto locked = in.bytes(lock.kind == SideLockKind::recipient ? boxed_key_bytes : locked_key_bytes);
  lock.locked.assign(locked.begin(), locked.end());
  return lock;
}

void write_lock(Bytes& out, const SideLock& lock) {
  put(out, static_cast<std::uint8_t>(lock.kind));
  if (lock.kind == SideLockKind::password) {
    put(out, static_cast<std::uint8_t>(lock.cost.passes));
    put(out, static_cast<std::uint8_t>(lock.cost.memory_log2));
    put(out, std::span<const std::uint8_t>(lock.salt));
  }
  if (lock.kind != SideLockKind::recipient) put(out, std::span<const std::uint8_t>(lock.nonce));
  put(out, std::span<const std::uint8_t>(lock.locked));
}

std::size_t passwords_of(const std::vector<SideLock>& locks) {
  return static_cast<std::size_t>(std::count_if(
      locks.begin(), locks.end(), [](const SideLock& lock) { return lock.kind == SideLockKind::password; }));
}

}  // namespace

Bytes write_side_header(const SideHeader& header) {
  check<Error>(header.model.size() <= max_model_bytes, "a model's name of ", header.model.size(), " bytes: at most ",
               max_model_bytes, " were expected");
  Bytes out(magic.begin(), magic.end());
  put(out, side_version);
  put(out, static_cast<std::uint8_t>((header.exact ? exact_flag : 0) | (header.pixels ? pixels_flag : 0)));
  put(out, std::string_view(header.model));
  return out;
}

Bytes write_side(const SideParts& parts) {
  check<Error>(parts.locks.size() <= max_side_locks && passwords_of(parts.locks) <= max_side_passwords,
               parts.locks.size(), " locks, ", passwords_of(parts.locks), " of them of passwords: at most ",
               max_side_locks, ", ", max_side_passwords, " of passwords, can be kept");
  Bytes out = write_side_header(parts.header);
  put(out, std::span<const std::uint8_t>(parts.header.commitment));
  put(out, static_cast<std::uint8_t>(parts.locks.size()));
  for (const SideLock& lock : parts.locks) write_lock(out, lock);
  put(out, parts.body);
  return out;
}

SideParts read_side(std::span<const std::uint8_t> side) {
  Input in(side);
  const auto start = in.bytes(magic.size());
  check<NotAuthentic>(std::equal(start.begin(), start.end(), magic.begin(), magic.end()),
                      "damaged side data: it does not begin with \"", magic, "\"");
  const auto version = in.number<std::uint8_t>();
  check<NotAuthentic>(!in.ok() || version == side_version, "side data of format ", int{version},
                      ": this program reads format ", int{side_version}, ": use a newer one");
  SideParts parts;
  const auto flags = in.number<std::uint8_t>();
  check<NotAuthentic>((flags & ~(exact_flag | pixels_flag)) == 0, "damaged side data: unknown flags ", int{flags});
  parts.header.exact = (flags & exact_flag) != 0;
  parts.header.pixels = (flags & pixels_flag) != 0;
  const auto model_size = in.number<std::uint32_t>();
  check<NotAuthentic>(model_size <= max_model_bytes, "damaged side data: a model's name of ", model_size, " bytes");
  const auto model = in.bytes(model_size);
  parts.header.model.assign(model.begin(), model.end());
  in.fill(parts.header.commitment);
  const auto count = in.number<std::uint8_t>();
  for (int i = 0; i < count && in.ok(); ++i) parts.locks.push_back(read_lock(in));
  check<NotAuthentic>(in.ok() && in.rest().size() >= tag_bytes, "damaged side data: it ends early, after ", side.size(),
                      " bytes");
  check<NotAuthentic>(passwords_of(parts.locks) <= max_side_passwords, "damaged side data: ", passwords_of(parts.locks),
                      " passwords, where ", max_side_passwords, " are the most");
  parts.body = in.rest();
  return parts;
}

Bytes write_side_plain(std::span<const SideFace> faces) {
  check<Error>(faces.size() <= max_faces, faces.size(), " faces: at most ", max_faces, " can be kept");
  Bytes out;
  put(out, static_cast<std::uint16_t>(faces.size()));
  for (const SideFace& face : faces) {
    check<Error>(face.identity.size() <= 65535, "an identity of ", face.identity.size(),
                 " values: at most 65535 can be kept");
    put(out, face.face);
    for (const std::int32_t side : face.box) put(out, static_cast<std::uint32_t>(side));
    put(out, static_cast<std::uint16_t>(face.identity.size()));
    for (const float x : face.identity) put(out, std::bit_cast<std::uint32_t>(x));
    put(out, std::uint64_t{face.original.size()});
    put(out, std::span<const std::uint8_t>(face.original));
  }
  return out;
}

std::optional<std::vector<SideFace>> read_side_plain(std::span<const std::uint8_t> plain) {
  Input in(plain);
  std::vector<SideFace> faces;
  const auto count = in.number<std::uint16_t>();
  for (int i = 0; i < count && in.ok(); ++i) {
    SideFace& face = faces.emplace_back();
    face.face = in.number<std::uint32_t>();
    for (std::int32_t& side : face.box) side = static_cast<std::int32_t>(in.number<std::uint32_t>());
    auto values = in.bytes(std::uint64_t{4} * in.number<std::uint16_t>());
    while (!values.empty()) face.identity.push_back(std::bit_cast<float>(take<std::uint32_t>(values)));
    const auto original = in.bytes(in.number<std::uint64_t>());
    face.original.assign(original.begin(), original.end());
  }
  return in.ok() && in.rest().empty() ? std::optional(std::move(faces)) : std::nullopt;
}

Bytes side_associated_data(const SideHeader& header, const SideBinding& binding) {
  Bytes out;
  put(out, std::string_view("g2face side 1"));
  put(out, std::span<const std::uint8_t>(write_side_header(header)));
  put(out, std::span<const std::uint8_t>(header.commitment));
  put(out, std::span<const std::uint8_t>(binding.picture));
  put(out, std::string_view(binding.file));
  return out;
}

SideKeys side_keys(const Secret& content, const SideHeader& header) {
  static_assert(crypto_kdf_KEYBYTES == key_bytes);
  SideKeys keys{Secret(key_bytes), {}};
  Secret commit(key_bytes);
  crypto_kdf_derive_from_key(keys.seal.data(), keys.seal.size(), 1, "g2f-side", content.data());
  crypto_kdf_derive_from_key(commit.data(), commit.size(), 2, "g2f-side", content.data());
  const Bytes text = write_side_header(header);
  crypto_generichash(keys.commitment.data(), keys.commitment.size(), text.data(), text.size(), commit.data(),
                     commit.size());
  return keys;
}

}  // namespace g2face::payload
