#include "g2face/dtype.hpp"

#include <array>
#include <ostream>

namespace g2face {
namespace {

struct DTypeInfo {
  std::string_view name;
  std::size_t size;
};
constexpr std::array<DTypeInfo, 7> infos{
    {{"f32", 4}, {"f64", 8}, {"bf16", 2}, {"f16", 2}, {"i64", 8}, {"i32", 4}, {"u8", 1}}};

}  // namespace

std::size_t size_of(DType dtype) { return infos.at(static_cast<std::size_t>(dtype)).size; }
std::string_view name_of(DType dtype) { return infos.at(static_cast<std::size_t>(dtype)).name; }
std::ostream& operator<<(std::ostream& out, DType dtype) { return out << name_of(dtype); }

}  // namespace g2face
