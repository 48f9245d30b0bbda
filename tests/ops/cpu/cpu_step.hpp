#pragma once
// Runs the CPU kernel of one op directly, in any layout, and the reference loops beside it.

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "g2face/graph/op.hpp"
#include "g2face/graph/step.hpp"
#include "g2face/tensor.hpp"

namespace g2face::testing {

struct CpuCall {
  const OpDef& op;
  Attrs attrs;
  std::vector<Tensor> in;                                 // row-major
  std::vector<Layout> in_layouts = {}, out_layouts = {};  // missing ones: nchw
  std::vector<bool> known = {};
  int threads = 2;
  Precision precision = Precision::strict;
  bool in_place = false;  // give output 0 the memory of the first input that the step offers
};

struct CpuResult {
  std::vector<Tensor> out;  // row-major
  std::string kernel;
};

inline std::vector<Type> types_of(const std::vector<Tensor>& tensors) {
  std::vector<Type> types;
  for (const Tensor& t : tensors) types.push_back(t.type());
  return types;
}

/// Position of logical element (n,c,p) of [N,C,P] in a layout of blocks.
inline std::size_t offset_in(Layout layout, std::int64_t channels, std::int64_t pixels, std::int64_t n, std::int64_t c,
                             std::int64_t p) {
  const std::int64_t block = layout == Layout::nchw16c ? 16 : layout == Layout::nchw8c ? 8 : 1;
  return static_cast<std::size_t>(((n * (channels / block) + c / block) * pixels + p) * block + c % block);
}

/// Copies between row-major order and a layout.
inline void relayout(const void* from, void* to, const Type& type, Layout layout, bool into_layout) {
  const std::size_t size = size_of(type.dtype);
  if (layout == Layout::nchw) {
    std::memcpy(to, from, static_cast<std::size_t>(type.shape.numel()) * size);
    return;
  }
  const std::int64_t channels = type.shape[1], pixels = type.shape[2] * type.shape[3];
  for (std::int64_t n = 0, i = 0; n < type.shape[0]; ++n) {
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t p = 0; p < pixels; ++p, ++i) {
        const std::size_t plain = static_cast<std::size_t>(i) * size;
        const std::size_t other = offset_in(layout, channels, pixels, n, c, p) * size;
        std::memcpy(static_cast<char*>(to) + (into_layout ? other : plain),
                    static_cast<const char*>(from) + (into_layout ? plain : other), size);
      }
    }
  }
}

/// 64-byte aligned memory that begins as NaN and notices when what lies behind it is written.
class Guarded {
 public:
  explicit Guarded(std::size_t bytes) : bytes_(bytes), memory_((bytes + 191) / 64 * 64) {
    std::memset(data(), 0xff, bytes);
    std::memset(static_cast<unsigned char*>(data()) + bytes, 0x5a, 64);
  }
  void* data() {
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
    return memory_.data() + (64 - address % 64) % 64;
  }
  bool intact() {
    for (std::size_t i = 0; i < 64; ++i) {
      if (static_cast<unsigned char*>(data())[bytes_ + i] != 0x5a) return false;
    }
    return true;
  }

 private:
  std::size_t bytes_;
  std::vector<unsigned char> memory_;
};

inline CpuResult run_cpu(const CpuCall& call) {
  const std::vector<Type> in_types = types_of(call.in);
  const Types out_types = call.op.infer(call.attrs, in_types);
  std::vector<TensorDesc> in, out;
  for (std::size_t i = 0; i < in_types.size(); ++i) {
    in.push_back({in_types[i], i < call.in_layouts.size() ? call.in_layouts[i] : Layout::nchw});
  }
  for (std::size_t i = 0; i < out_types.size(); ++i) {
    out.push_back({out_types[i], i < call.out_layouts.size() ? call.out_layouts[i] : Layout::nchw});
  }
  const auto known = std::make_unique<bool[]>(in.size());
  for (std::size_t i = 0; i < call.known.size(); ++i) known[i] = call.known[i];
  const Signature signature{in, out, {known.get(), in.size()}, call.precision, Determinism::run_to_run, call.threads};
  const bool has_kernel = call.op.cpu != nullptr;
  REQUIRE(has_kernel);
  const std::optional<Step> step = call.op.cpu(call.attrs, signature);
  REQUIRE(step.has_value());

  std::vector<std::unique_ptr<Guarded>> held;
  const auto allocate = [&held](std::size_t bytes) {
    held.push_back(std::make_unique<Guarded>(bytes));
    return held.back()->data();
  };
  std::vector<const void*> from;
  std::vector<void*> to;
  for (std::size_t i = 0; i < in.size(); ++i) {
    void* memory = allocate(in[i].bytes());
    relayout(call.in[i].data(), memory, in[i].type, in[i].layout, true);
    from.push_back(memory);
  }
  for (const TensorDesc& d : out) to.push_back(allocate(d.bytes()));
  for (const Packing& p : step->packings) {
    void* packed = allocate(p.bytes);
    p.pack(from[static_cast<std::size_t>(p.input)], packed);
    from[static_cast<std::size_t>(p.input)] = packed;
  }
  if (call.in_place) {
    REQUIRE(!step->in_place.empty());
    to[0] = const_cast<void*>(from[static_cast<std::size_t>(step->in_place[0].input)]);
  }
  void* workspace = allocate(step->workspace);
  Stream stream;
  step->run({from, to, workspace}, stream);
  for (const auto& g : held) CHECK(g->intact());

  CpuResult result{{}, step->kernel};
  for (std::size_t i = 0; i < out.size(); ++i) {
    Tensor t(out[i].type);
    relayout(to[i], t.mutable_data(), out[i].type, out[i].layout, false);
    result.out.push_back(std::move(t));
  }
  return result;
}

inline std::vector<Tensor> run_reference(const OpDef& op, const Attrs& attrs, const std::vector<Tensor>& in) {
  const std::vector<Type> in_types = types_of(in);
  const Types out_types = op.infer(attrs, in_types);
  std::vector<Tensor> in64, out64;
  std::vector<const double*> from;
  std::vector<double*> to;
  for (const Tensor& t : in) in64.push_back(t.to(DType::f64));
  for (const Tensor& t : in64) from.push_back(t.as<double>().data());
  for (const Type& t : out_types) out64.push_back(Tensor::zeros({DType::f64, t.shape}));
  for (Tensor& t : out64) to.push_back(t.mutable_as<double>().data());
  op.reference(attrs, {in_types, out_types, from, to});
  return out64;
}

/// The kernel agrees with the reference loops; returns its name.
inline std::string check_cpu(const CpuCall& call, double tolerance) {
  const CpuResult got = run_cpu(call);
  const std::vector<Tensor> want = run_reference(call.op, call.attrs, call.in);
  REQUIRE(got.out.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    INFO(call.op.name, " ", call.attrs.str(), " output ", i, " by ", got.kernel, ", ", call.threads, " threads");
    CHECK(relative_error(got.out[i].to(DType::f64), want[i]) <= tolerance);
  }
  return got.kernel;
}

/// Lowers the instruction set that kernels are picked for, while it lives.
class ScopedIsa {
 public:
  explicit ScopedIsa(const char* name) { setenv("G2FACE_CPU_ISA", name, 1); }
  ~ScopedIsa() { unsetenv("G2FACE_CPU_ISA"); }
  ScopedIsa(const ScopedIsa&) = delete;
  ScopedIsa& operator=(const ScopedIsa&) = delete;
};
constexpr const char* all_isas[] = {"base", "avx2", "avx512"};

/// Normal numbers, the same for the same seed.
inline Tensor random_tensor(const Shape& shape, unsigned seed, float scale = 1, float offset = 0) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal(offset, scale);
  Tensor t(Type{DType::f32, shape});
  for (float& v : t.mutable_as<float>()) v = normal(engine);
  return t;
}

}  // namespace g2face::testing
