#include <algorithm>
#include <array>
#include <utility>

#include "weights_converter/pickle.hpp"

namespace g2face::weights::pickle {
namespace {

using Named = std::pair<std::string_view, Global>;

constexpr std::array types{
    Named{"torch.DoubleStorage", {Role::storage_type, ElementType::f64}},
    Named{"torch.FloatStorage", {Role::storage_type, ElementType::f32}},
    Named{"torch.HalfStorage", {Role::storage_type, ElementType::f16}},
    Named{"torch.BFloat16Storage", {Role::storage_type, ElementType::bf16}},
    Named{"torch.LongStorage", {Role::storage_type, ElementType::i64}},
    Named{"torch.IntStorage", {Role::storage_type, ElementType::i32}},
    Named{"torch.ShortStorage", {Role::storage_type, ElementType::i16}},
    Named{"torch.CharStorage", {Role::storage_type, ElementType::i8}},
    Named{"torch.ByteStorage", {Role::storage_type, ElementType::u8}},
    Named{"torch.BoolStorage", {Role::storage_type, ElementType::boolean}},
    Named{"torch.UntypedStorage", {Role::untyped_storage}},
    Named{"torch._UntypedStorage", {Role::untyped_storage}},
    Named{"torch.storage.UntypedStorage", {Role::untyped_storage}},
    Named{"torch.storage._UntypedStorage", {Role::untyped_storage}},
    Named{"torch.float64", {Role::element_type, ElementType::f64}},
    Named{"torch.float32", {Role::element_type, ElementType::f32}},
    Named{"torch.float16", {Role::element_type, ElementType::f16}},
    Named{"torch.bfloat16", {Role::element_type, ElementType::bf16}},
    Named{"torch.int64", {Role::element_type, ElementType::i64}},
    Named{"torch.int32", {Role::element_type, ElementType::i32}},
    Named{"torch.int16", {Role::element_type, ElementType::i16}},
    Named{"torch.int8", {Role::element_type, ElementType::i8}},
    Named{"torch.uint64", {Role::element_type, ElementType::u64}},
    Named{"torch.uint32", {Role::element_type, ElementType::u32}},
    Named{"torch.uint16", {Role::element_type, ElementType::u16}},
    Named{"torch.uint8", {Role::element_type, ElementType::u8}},
    Named{"torch.bool", {Role::element_type, ElementType::boolean}},
};

constexpr std::array functions{
    Named{"torch._utils._rebuild_tensor", {Role::rebuild_tensor}},
    Named{"torch._utils._rebuild_tensor_v2", {Role::rebuild_tensor}},
    Named{"torch._utils._rebuild_tensor_v3", {Role::rebuild_tensor_v3}},
    Named{"torch._utils._rebuild_parameter", {Role::rebuild_parameter}},
    Named{"torch._utils._rebuild_parameter_with_state", {Role::rebuild_parameter}},
    Named{"torch._tensor._rebuild_from_type_v2", {Role::rebuild_from_type}},
    Named{"copy_reg._reconstructor", {Role::reconstruct}},
    Named{"copyreg._reconstructor", {Role::reconstruct}},
    Named{"_codecs.encode", {Role::encode}},
    Named{"collections.OrderedDict", {Role::ordered_dict}},
    Named{"__builtin__.dict", {Role::ordered_dict}},
    Named{"builtins.dict", {Role::ordered_dict}},
    Named{"collections.defaultdict", {Role::default_dict}},
    Named{"torch.Size", {Role::tuple}},
};

// Of training states, and no part of any network.
constexpr std::array<std::string_view, 32> passed_over{
    "__builtin__.bytearray",
    "__builtin__.complex",
    "__builtin__.float",
    "__builtin__.frozenset",
    "__builtin__.int",
    "__builtin__.list",
    "__builtin__.object",
    "__builtin__.set",
    "__builtin__.tuple",
    "argparse.Namespace",
    "builtins.bytearray",
    "builtins.complex",
    "builtins.float",
    "builtins.frozenset",
    "builtins.int",
    "builtins.list",
    "builtins.object",
    "builtins.set",
    "builtins.tuple",
    "collections.Counter",
    "collections.deque",
    "numpy._core.multiarray.scalar",
    "numpy.core.multiarray.scalar",
    "numpy.dtype",
    "pathlib.PosixPath",
    "pathlib.PurePosixPath",
    "pathlib.WindowsPath",
    "torch.Tensor",
    "torch._tensor.Tensor",
    "torch.device",
    "torch.nn.parameter.Parameter",
    "warmup_scheduler.scheduler.GradualWarmupScheduler",
};
static_assert(std::ranges::is_sorted(passed_over));

/// Whether `name` is a class of an optimizer or of a learning rate: "torch.optim.adam.Adam".
bool is_of_optimizer(std::string_view name) {
  constexpr std::string_view module = "torch.optim.";
  const std::string_view last = name.substr(name.rfind('.') + 1);
  return name.starts_with(module) && !last.empty() && last[0] >= 'A' && last[0] <= 'Z';
}

}  // namespace

std::optional<Global> find_global(std::string_view name) {
  for (const Named& entry : types) {
    if (entry.first == name) return entry.second;
  }
  for (const Named& entry : functions) {
    if (entry.first == name) return entry.second;
  }
  if (std::ranges::binary_search(passed_over, name) || is_of_optimizer(name)) return Global{Role::passed_over};
  return std::nullopt;
}

}  // namespace g2face::weights::pickle
