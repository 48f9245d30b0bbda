#include "kernels/cpu/onednn.hpp"

#include <omp.h>

#include <dnnl.hpp>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "g2face/error.hpp"

namespace g2face::onednn {

using dnnl::memory;

struct Format::Impl {
  memory::desc desc;
  memory::dims dims;  // of formats that callers made
};

struct Primitive::Impl {
  std::string name;
  std::vector<Format> formats;
  std::size_t scratchpad = 0;
  dnnl::primitive primitive;
  dnnl::stream stream;
  int threads = 1;
  std::vector<memory> memories;  // operands, then the scratchpad
  std::vector<dnnl_exec_arg_t> arguments;
  std::mutex mutex;  // the memories are this primitive's, and plans may be shared
};

namespace {

/// Runs f; a failure becomes a DeviceError that says which call failed.
template <class F>
auto call(const char* what, const F& f) {
  try {
    return f();
  } catch (const dnnl::error& e) {
    throw DeviceError(str("oneDNN ", what, " failed on cpu: ", e.what(), " (status ", static_cast<int>(e.status), ")"));
  }
}

/// oneDNN plans for and runs on as many threads as OpenMP would give.
class ThreadCount {
 public:
  explicit ThreadCount(int threads) : before_(omp_get_max_threads()) {
    if (threads != before_) omp_set_num_threads(threads);
  }
  ~ThreadCount() {
    if (omp_get_max_threads() != before_) omp_set_num_threads(before_);
  }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  int before_;
};

const dnnl::engine& engine() {
  static const dnnl::engine cpu = call("engine", [] { return dnnl::engine(dnnl::engine::kind::cpu, 0); });
  return cpu;
}

memory::data_type data_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return memory::data_type::f32;
    case DType::bf16:
      return memory::data_type::bf16;
    default:
      throw DeviceError(str("oneDNN is used for f32 and bf16 only, not for ", dtype));
  }
}

memory::dims vector_of(std::span<const std::int64_t> dims) { return {dims.begin(), dims.end()}; }

Format format_of(memory::desc desc, std::span<const std::int64_t> dims = {}) {
  return Format(std::make_shared<const Format::Impl>(Format::Impl{std::move(desc), vector_of(dims)}));
}

dnnl::primitive_attr user_scratchpad() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

struct Operand {
  int argument;
  memory::desc desc;
};

template <class Description>
Primitive make(const Description& pd, const std::vector<Operand>& operands, int threads) {
  auto impl = std::make_shared<Primitive::Impl>();
  impl->threads = threads;
  impl->name = pd.impl_info_str();
  impl->scratchpad = pd.scratchpad_desc().get_size();
  impl->primitive = dnnl::primitive(pd.get());
  impl->stream = dnnl::stream(engine());
  const auto add = [&impl](int argument, const memory::desc& desc) {
    impl->memories.emplace_back(desc, engine(), nullptr);
    impl->arguments.push_back({argument, impl->memories.back().get()});
  };
  for (const Operand& o : operands) {
    impl->formats.push_back(format_of(o.desc));
    add(o.argument, o.desc);
  }
  add(DNNL_ARG_SCRATCHPAD, pd.scratchpad_desc());
  return Primitive(std::move(impl));
}

using Forward = dnnl::convolution_forward;
using InputGrad = dnnl::convolution_backward_data;
using WeightGrad = dnnl::convolution_backward_weights;

/// The descriptions of the three directions, empty where oneDNN has no implementation.
class ConvolutionDescriptions {
 public:
  explicit ConvolutionDescriptions(const Convolution& c)
      : algorithm_(c.winograd ? dnnl::algorithm::convolution_winograd : dnnl::algorithm::convolution_direct),
        x_(c.x.impl().desc),
        w_(c.w.impl().desc),
        y_(c.y.impl().desc),
        strides_(vector_of(c.stride)),
        before_(vector_of(c.pad)) {
    for (std::size_t i = 0; i < 2; ++i) {
      // What is left over at the far side, so that the extents agree exactly.
      after_.push_back((c.y_size[i] - 1) * c.stride[i] + c.kernel[i] - c.x_size[i] - c.pad[i]);
    }
  }

#if DNNL_VERSION_MAJOR >= 3
  Forward::primitive_desc forward(dnnl::prop_kind kind) const {
    return {engine(), kind, algorithm_, x_, w_, y_, strides_, before_, after_, attr_, true};
  }
  InputGrad::primitive_desc input_grad(const Forward::primitive_desc& hint) const {
    return {engine(), algorithm_, x_, w_, y_, strides_, before_, after_, hint, attr_, true};
  }
  WeightGrad::primitive_desc weight_grad(const Forward::primitive_desc& hint) const {
    return {engine(), algorithm_, x_, w_, y_, strides_, before_, after_, hint, attr_, true};
  }
#else
  Forward::primitive_desc forward(dnnl::prop_kind kind) const { return {forward_desc(kind), attr_, engine(), true}; }
  InputGrad::primitive_desc input_grad(const Forward::primitive_desc& hint) const {
    return {InputGrad::desc(algorithm_, x_, w_, y_, strides_, before_, after_), attr_, engine(), hint, true};
  }
  WeightGrad::primitive_desc weight_grad(const Forward::primitive_desc& hint) const {
    return {WeightGrad::desc(algorithm_, x_, w_, y_, strides_, before_, after_), attr_, engine(), hint, true};
  }
#endif

  /// The implementation by a matrix product of patches, whose long sums are blocked.
  std::optional<Forward::primitive_desc> forward_by_product() const {
    constexpr auto kind = dnnl::prop_kind::forward_inference;
#if DNNL_VERSION_MAJOR >= 3
    auto pd = forward(kind);
#else
    const Forward::desc described = forward_desc(kind);  // next_impl() reads it again
    Forward::primitive_desc pd(described, attr_, engine(), true);
#endif
    while (pd && std::string_view(pd.impl_info_str()).find("gemm:jit") == std::string_view::npos) {
      if (!pd.next_impl()) return std::nullopt;
    }
    return pd ? std::optional(pd) : std::nullopt;
  }

 private:
#if DNNL_VERSION_MAJOR < 3
  Forward::desc forward_desc(dnnl::prop_kind kind) const {
    return {kind, algorithm_, x_, w_, y_, strides_, before_, after_};
  }
#endif

  dnnl::algorithm algorithm_;
  memory::desc x_, w_, y_;
  memory::dims strides_, before_, after_;
  dnnl::primitive_attr attr_ = user_scratchpad();
};

std::optional<Primitive> backward(const Convolution& c, const ConvolutionDescriptions& describe,
                                  const Forward::primitive_desc& hint) {
  if (c.kind == Convolution::Kind::input_grad) {
    const auto pd = describe.input_grad(hint);
    if (!pd) return std::nullopt;
    return make(pd,
                {{DNNL_ARG_DIFF_DST, pd.diff_dst_desc()},
                 {DNNL_ARG_WEIGHTS, pd.weights_desc()},
                 {DNNL_ARG_DIFF_SRC, pd.diff_src_desc()}},
                c.threads);
  }
  const auto pd = describe.weight_grad(hint);
  if (!pd) return std::nullopt;
  return make(pd,
              {{DNNL_ARG_SRC, pd.src_desc()},
               {DNNL_ARG_DIFF_DST, pd.diff_dst_desc()},
               {DNNL_ARG_DIFF_WEIGHTS, pd.diff_weights_desc()}},
              c.threads);
}

}  // namespace

Format Format::plain(DType dtype, std::span<const std::int64_t> dims, Layout layout) {
  return call("memory descriptor", [&] {
    if (layout == Layout::nchw) {
      memory::dims strides(dims.size(), 1);
      for (std::size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
      return format_of(memory::desc(vector_of(dims), data_type(dtype), strides), dims);
    }
    const auto tag = layout == Layout::nhwc     ? memory::format_tag::nhwc
                     : layout == Layout::nchw8c ? memory::format_tag::nChw8c
                                                : memory::format_tag::nChw16c;
    return format_of(memory::desc(vector_of(dims), data_type(dtype), tag), dims);
  });
}

Format Format::any(DType dtype, std::span<const std::int64_t> dims) {
  return call("memory descriptor", [&] {
    return format_of(memory::desc(vector_of(dims), data_type(dtype), memory::format_tag::any), dims);
  });
}

Format transposed(DType dtype, std::span<const std::int64_t> dims) {
  return call("memory descriptor", [&] {
    memory::dims strides(dims.size(), 1);
    const std::size_t last = dims.size() - 1;
    strides[last] = dims[last - 1];
    std::int64_t step = dims[last] * dims[last - 1];
    for (std::size_t i = last - 1; i-- > 0;) {
      strides[i] = step;
      step *= dims[i];
    }
    return format_of(memory::desc(vector_of(dims), data_type(dtype), strides), dims);
  });
}

std::size_t Format::bytes() const { return impl_->desc.get_size(); }
bool Format::operator==(const Format& other) const { return impl_->desc == other.impl_->desc; }

std::string Primitive::name() const { return impl_->name; }
std::size_t Primitive::scratchpad_bytes() const { return impl_->scratchpad; }
const Format& Primitive::format(int i) const { return impl_->formats.at(static_cast<std::size_t>(i)); }

void Primitive::run(std::span<const void* const> data, void* scratchpad) const {
  Impl& p = *impl_;
  const std::lock_guard lock(p.mutex);
  const ThreadCount threads(p.threads);
  call(p.name.c_str(), [&] {
    // The library's interface has no pointer to const; what it only reads it does not write.
    for (std::size_t i = 0; i < data.size(); ++i) p.memories[i].set_data_handle(const_cast<void*>(data[i]));
    p.memories.back().set_data_handle(scratchpad);
    dnnl::error::wrap_c_api(dnnl_primitive_execute(p.primitive.get(), p.stream.get(),
                                                   static_cast<int>(p.arguments.size()), p.arguments.data()),
                            "could not execute the primitive");
    p.stream.wait();
  });
}

std::optional<Primitive> convolution(const Convolution& c) {
  const ThreadCount threads(c.threads);
  return call("convolution", [&]() -> std::optional<Primitive> {
    const ConvolutionDescriptions describe(c);
    const bool forward = c.kind == Convolution::Kind::forward;
    if (!forward && c.compute == DType::bf16) {
      // There is no forward convolution with these operands; its description is only a hint, so any other will do.
      Convolution hint = c;
      for (Format* f : {&hint.x, &hint.w, &hint.y}) *f = Format::any(DType::bf16, f->impl().dims);
      const auto pd = ConvolutionDescriptions(hint).forward(dnnl::prop_kind::forward_training);
      return pd ? backward(c, describe, pd) : std::nullopt;
    }
    const auto by_product = forward && c.blocked_sums ? describe.forward_by_product() : std::nullopt;
    const auto first =
        by_product ? *by_product
                   : describe.forward(forward ? dnnl::prop_kind::forward_inference : dnnl::prop_kind::forward_training);
    if (!first) return std::nullopt;
    if (forward) {
      return make(first,
                  {{DNNL_ARG_SRC, first.src_desc()},
                   {DNNL_ARG_WEIGHTS, first.weights_desc()},
                   {DNNL_ARG_DST, first.dst_desc()}},
                  c.threads);
    }
    return backward(c, describe, first);
  });
}

std::optional<Primitive> matmul(const Format& a, const Format& b, const Format& c, int threads) {
  const ThreadCount scope(threads);
  return call("matmul", [&]() -> std::optional<Primitive> {
    const auto &da = a.impl().desc, &db = b.impl().desc, &dc = c.impl().desc;
#if DNNL_VERSION_MAJOR >= 3
    const dnnl::matmul::primitive_desc pd(engine(), da, db, dc, user_scratchpad(), true);
#else
    const dnnl::matmul::primitive_desc pd(dnnl::matmul::desc(da, db, dc), user_scratchpad(), engine(), true);
#endif
    if (!pd) return std::nullopt;
    return make(pd,
                {{DNNL_ARG_SRC, pd.src_desc()}, {DNNL_ARG_WEIGHTS, pd.weights_desc()}, {DNNL_ARG_DST, pd.dst_desc()}},
                threads);
  });
}

Primitive reorder(const Format& from, const Format& to, int threads) {
  const ThreadCount scope(threads);
  return call("reorder", [&] {
    const dnnl::reorder::primitive_desc pd(engine(), from.impl().desc, engine(), to.impl().desc, user_scratchpad());
    return make(pd, {{DNNL_ARG_FROM, from.impl().desc}, {DNNL_ARG_TO, to.impl().desc}}, threads);
  });
}

bool has_bf16_tiles() {
  const auto isa = static_cast<unsigned>(call("instruction set", [] { return dnnl::get_effective_cpu_isa(); }));
  constexpr auto tiles = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_amx);
  return (isa & tiles) == tiles;
}

Packing packing(int input, const Primitive& reorder) {
  return {input, reorder.format(1).bytes(), [reorder](const void* from, void* to) {
            std::vector<std::byte> scratchpad(reorder.scratchpad_bytes());
            reorder.run(std::array<const void*, 2>{from, to}, scratchpad.data());
          }};
}

}  // namespace g2face::onednn
