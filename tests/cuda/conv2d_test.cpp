#include "g2face/ops/conv2d.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "cuda/kernel_check.hpp"
#include "g2face/ops/concat_conv2d.hpp"
#include "kernels/cuda/implicit_gemm.hpp"
#include "kernels/cuda/kernels.hpp"

namespace g2face::test {
namespace {

// The bytes of an f32 tensor in a layout.
Tensor stored(const Tensor& t, Layout layout) {
  if (layout == Layout::nchw) return t;
  const Shape& s = t.shape();
  Tensor moved({DType::f32, {s[0], s[2], s[3], s[1]}});
  const auto from = t.as<float>();
  const auto to = moved.mutable_as<float>();
  std::size_t k = 0;
  for (std::int64_t n = 0; n < s[0]; ++n) {
    for (std::int64_t p = 0; p < s[2] * s[3]; ++p) {
      for (std::int64_t c = 0; c < s[1]; ++c)
        to[k++] = from[static_cast<std::size_t>((n * s[1] + c) * s[2] * s[3] + p)];
    }
  }
  return layout == Layout::nhwc ? moved : moved.to(layout == Layout::nhwc_bf16 ? DType::bf16 : DType::f16);
}

// Back to row-major f32.
Tensor read(const Tensor& t, const Shape& s, Layout layout) {
  if (layout == Layout::nchw) return t;
  const Tensor wide = t.to(DType::f32);
  Tensor moved({DType::f32, s});
  const auto from = wide.as<float>();
  const auto to = moved.mutable_as<float>();
  std::size_t k = 0;
  for (std::int64_t n = 0; n < s[0]; ++n) {
    for (std::int64_t p = 0; p < s[2] * s[3]; ++p) {
      for (std::int64_t c = 0; c < s[1]; ++c)
        to[static_cast<std::size_t>((n * s[1] + c) * s[2] * s[3] + p)] = from[k++];
    }
  }
  return moved;
}

struct Call {
  const OpDef& op;
  Attrs attrs;
  std::vector<Tensor> in;  // the last one: w
  Layout x = Layout::nchw, y = Layout::nchw;
  Precision precision = Precision::fast;
  bool known = true;

  Type result() const {
    std::vector<Type> types;
    for (const Tensor& t : in) types.push_back(t.type());
    return op.infer(attrs, types).at(0);
  }
  template <class F>
  auto with_signature(const F& f) const {
    std::vector<TensorDesc> descs;
    for (const Tensor& t : in) descs.push_back({t.type(), x});
    descs.back().layout = Layout::nchw;
    const TensorDesc out{result(), y};
    const auto known_inputs = std::make_unique<bool[]>(in.size());
    known_inputs[in.size() - 1] = known;
    return f(Signature{descs, {&out, 1}, {known_inputs.get(), in.size()}, precision});
  }
  std::optional<Step> step() const {
    return with_signature([this](const Signature& s) { return op.cuda(attrs, s); });
  }
};

Tensor run(const Call& call, const Step& step) {
  std::vector<Tensor> in;
  for (std::size_t i = 0; i < call.in.size(); ++i) {
    const bool is_w = i + 1 == call.in.size();
    if (is_w && !step.packings.empty()) {
      REQUIRE(step.packings.size() == 1);
      REQUIRE(step.packings[0].input == static_cast<int>(i));
      Tensor packed({DType::u8, {static_cast<std::int64_t>(step.packings[0].bytes)}});
      step.packings[0].pack(call.in[i].data(), packed.mutable_data());
      in.push_back(packed);
    } else {
      in.push_back(is_w ? call.in[i] : stored(call.in[i], call.x));
    }
  }
  const Type type = call.result();
  // An element that no thread writes is seen.
  return read(run_step(step, in, stored(Tensor::full(type, -1e30), call.y)), type.shape, call.y);
}

// The same in each order of threads.
Tensor run_always(const Call& call, const Step& step) {
  std::optional<Tensor> first;
  for_each_schedule([&] {
    const Tensor got = run(call, step);
    if (!first) first = got;
    CHECK(std::memcmp(got.data(), first->data(), got.bytes()) == 0);
  });
  return *first;
}

// The op's loops in double.
Tensor reference(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in) {
  std::vector<Type> types;
  std::vector<Tensor> doubles;
  std::vector<const double*> data;
  for (const Tensor& t : in) {
    types.push_back(t.type());
    doubles.push_back(t.to(DType::f64));
    data.push_back(doubles.back().as<double>().data());
  }
  const Types result = op.infer(attrs, types);
  Tensor y({DType::f64, result[0].shape});
  double* const out = y.mutable_as<double>().data();
  op.reference(attrs, {types, result, data, {&out, 1}});
  return y;
}

// concat_conv2d has a formula in place of loops.
Tensor joined(std::span<const Tensor> xs) {
  std::int64_t channels = 0;
  for (const Tensor& x : xs) channels += x.shape()[1];
  Tensor all({DType::f32, xs[0].shape().with(1, channels)});
  float* to = all.mutable_as<float>().data();
  for (std::int64_t n = 0; n < xs[0].shape()[0]; ++n) {
    for (const Tensor& x : xs) {
      const std::int64_t size = x.numel() / x.shape()[0];
      to = std::copy_n(x.as<float>().data() + n * size, size, to);
    }
  }
  return all;
}

Tensor reference(const Call& call) {
  if (&call.op != &concat_conv2d_op) return reference(call.op, call.attrs, call.in);
  const std::vector<Tensor> in{joined(std::span(call.in).first(call.in.size() - 1)), call.in.back()};
  return reference(conv2d_op, Conv2dAttrs{.kernel = {1, 1}, .input = {in[0].shape()[2], in[0].shape()[3]}}, in);
}

// Whole numbers, whose sums of products are exact in f32.
Tensor whole(const Shape& shape, unsigned seed) {
  Tensor t = varied(shape, seed);
  for (float& v : t.mutable_as<float>()) v = std::round(v * 2);
  return t;
}

Tensor rounded(const Tensor& t, Layout layout) {
  if (!is_narrow(layout)) return t.to(DType::f32);
  return t.to(layout == Layout::nhwc_bf16 ? DType::bf16 : DType::f16).to(DType::f32);
}

// How far a result may be from the reference when the factors are rounded.
double limit(const Call& call) {
  if (call.x == Layout::nhwc_bf16 || call.y == Layout::nhwc_bf16) return 6e-3;
  if (call.x == Layout::nhwc_f16 || call.y == Layout::nhwc_f16) return 8e-4;
  return call.precision == Precision::strict ? 1e-6 : 8e-4;  // f32 of any other precision here: tf32
}

bool same(const Tensor& a, const Tensor& b) {
  const auto x = a.as<float>(), y = b.as<float>();
  return std::equal(x.begin(), x.end(), y.begin(), y.end());
}

// Exact for whole numbers, near the reference for others.
void check_call_on_cuda(Call call, const std::optional<Step>& step) {
  REQUIRE(step);
  INFO(step->kernel, ", x ", call.in[0].shape(), " ", call.x, ", w ", call.in.back().shape(), " -> ", call.y);
  CHECK(relative_error(run(call, *step), reference(call)) < limit(call));
  for (std::size_t i = 0; i < call.in.size(); ++i) call.in[i] = whole(call.in[i].shape(), static_cast<unsigned>(i) + 7);
  CHECK(same(run_always(call, *step), rounded(reference(call), call.y)));
}

struct Storage {
  Layout features;
  Precision precision;
};
const Storage storages[] = {{Layout::nhwc, Precision::strict},
                            {Layout::nhwc, Precision::tf32},
                            {Layout::nhwc_bf16, Precision::bf16},
                            {Layout::nhwc_f16, Precision::f16}};

Conv2dAttrs filled(Conv2dAttrs a, const Shape& x, const Shape& w) {
  a.input = {x[2], x[3]};
  a.kernel = {w[2], w[3]};
  return a;
}

Call forward(const Shape& x, const Shape& w, const Conv2dAttrs& a = {}) {
  return {conv2d_op, filled(a, x, w), {varied(x, 1), varied(w, 2)}};
}
// The gradient for an x of this shape.
Call input_grad(const Shape& x, const Shape& w, const Conv2dAttrs& a = {}) {
  const Shape dy = forward(x, w, a).result().shape;
  return {conv2d_input_grad_op, filled(a, x, w), {varied(dy, 1), varied(w, 2)}};
}

void check_features(Call call) {
  for (const Storage& s : storages) {
    call.x = call.y = s.features;
    call.precision = s.precision;
    check_call_on_cuda(call, call.step());
    Call unknown = call;
    unknown.known = false;  // packed by a kernel instead
    const auto packed_before = call.step(), packed_now = unknown.step();
    REQUIRE((packed_before && packed_now));
    CHECK(same(run(call, *packed_before), run(unknown, *packed_now)));
  }
}

TEST_CASE("conv2d on CUDA: features in every storage") {
  check_features(forward({2, 16, 5, 7}, {24, 16, 3, 3}, {.pad = {1, 1}}));
  check_features(forward({1, 72, 6, 5}, {65, 72, 1, 1}));
  check_features(forward({1, 64, 9, 8}, {64, 64, 4, 4}, {.stride = {2, 2}, .pad = {1, 1}}));
  check_features(forward({1, 8, 7, 9}, {8, 8, 5, 3}, {.stride = {1, 2}, .pad = {2, 0}}));
  check_features(forward({1, 8, 3, 3}, {257, 8, 3, 3}, {.pad = {3, 3}}));  // windows that are padding alone
}

TEST_CASE("conv2d on CUDA: channels that do not fill 16 bytes are gathered") {
  check_features(forward({2, 33, 4, 5}, {7, 33, 3, 3}, {.pad = {1, 1}}));
  check_features(forward({1, 1, 5, 5}, {16, 1, 3, 3}));
}

TEST_CASE("conv2d on CUDA: every tile, sums whole and split") {
  for (const Storage& s : storages) {
    // More than one tile of the largest, and ends.
    for (Call call :
         {forward({1, 200, 11, 12}, {136, 200, 1, 1}), forward({1, 5, 12, 13}, {72, 5, 3, 3}, {.pad = {1, 1}})}) {
      call.x = call.y = s.features;
      call.precision = s.precision;
      const Shape &x = call.in[0].shape(), &w = call.in[1].shape();
      const auto product = cuda::gemm_of_conv2d(call.attrs.as<Conv2dAttrs>(), x, w, call.result().shape);
      REQUIRE(product);
      int tried = 0;
      for (int variant = 0; variant < call.with_signature(cuda::implicit_gemm_variants); ++variant) {
        for (const int splits : {1, 3}) {
          const auto step = call.with_signature([&](const Signature& signature) {
            return cuda::implicit_gemm_step("conv2d", *product, signature, cuda::GemmChoice{variant, splits});
          });
          if (!step) continue;  // gathers, and this one does not have to; or the other way round
          ++tried;
          check_call_on_cuda(call, step);
        }
      }
      CHECK(tried >= 2);
    }
  }
}

TEST_CASE("conv2d on CUDA: a small image splits its sums") {
  Call call = forward({1, 256, 4, 4}, {64, 256, 3, 3}, {.pad = {1, 1}});
  for (const Storage& s : storages) {
    call.x = call.y = s.features;
    call.precision = s.precision;
    const auto step = call.step();
    REQUIRE(step);
    CHECK(step->kernel.find("split:") != std::string::npos);
    check_call_on_cuda(call, step);
  }
}

TEST_CASE("conv2d on CUDA: from images, and to one pixel") {
  for (const Storage& s : storages) {
    for (Call call : {forward({2, 3, 9, 8}, {20, 3, 3, 3}, {.pad = {1, 1}}),
                      forward({1, 3, 15, 14}, {64, 3, 7, 7}, {.stride = {2, 2}, .pad = {3, 3}}),
                      forward({3, 4, 5, 3}, {136, 4, 1, 1})}) {
      call.y = s.features;
      call.precision = s.precision;
      check_call_on_cuda(call, call.step());
    }
    Call vector = forward({3, 72, 1, 1}, {10, 72, 1, 1});
    vector.precision = s.precision;
    check_call_on_cuda(vector, vector.step());
    Call spread = forward({2, 16, 1, 1}, {8, 16, 2, 2}, {.pad = {1, 1}});
    spread.y = s.features;
    spread.precision = s.precision;
    check_call_on_cuda(spread, spread.step());
    Call gathered = forward({2, 16, 4, 4}, {8, 16, 4, 4});
    gathered.x = s.features;
    gathered.precision = s.precision;
    check_call_on_cuda(gathered, gathered.step());
  }
}

TEST_CASE("conv2d on CUDA: from a few channels") {
  const Conv2dAttrs stem{.stride = {2, 2}, .pad = {3, 3}};
  for (const Storage& s : storages) {
    for (Call call :
         {forward({2, 3, 9, 19}, {16, 3, 3, 3}, {.pad = {1, 1}}), forward({1, 3, 15, 22}, {64, 3, 7, 7}, stem),
          forward({2, 1, 5, 24}, {24, 1, 1, 1}), forward({1, 4, 3, 9}, {136, 4, 1, 1}, {.pad = {1, 0}}),
          forward({1, 2, 7, 6}, {8, 2, 2, 3}, {.stride = {2, 1}, .pad = {0, 2}}),
          // to a few
          forward({2, 3, 6, 12}, {3, 3, 3, 3}, {.pad = {1, 1}}), forward({1, 1, 4, 7}, {2, 1, 1, 1}),
          forward({2, 2, 9, 9}, {4, 2, 7, 7}, stem)}) {
      call.y = call.result().shape[1] <= 4 ? Layout::nchw : s.features;
      call.precision = s.precision;
      const auto step = call.step();
      REQUIRE(step);
      CHECK(step->kernel == "conv2d few inputs");
      check_call_on_cuda(call, step);
    }
  }
}

TEST_CASE("conv2d on CUDA: to a few channels") {
  for (const Storage& s : storages) {
    for (Call call : {forward({2, 64, 5, 7}, {3, 64, 1, 1}), forward({1, 8, 9, 9}, {1, 8, 1, 1}),
                      input_grad({2, 2, 6, 5}, {40, 2, 1, 1})}) {
      call.x = s.features;
      call.precision = s.precision;
      const auto step = call.step();
      REQUIRE(step);
      CHECK(step->kernel.find("few outputs") != std::string::npos);
      check_call_on_cuda(call, step);
    }
  }
}

TEST_CASE("conv2d_input_grad on CUDA: strides 1 and 2 in every storage") {
  check_features(input_grad({1, 24, 6, 5}, {16, 24, 3, 3}, {.pad = {1, 1}}));
  check_features(input_grad({2, 24, 9, 7}, {16, 24, 3, 3}, {.stride = {2, 2}}));  // the generator's
  check_features(input_grad({1, 16, 8, 10}, {72, 16, 4, 4}, {.stride = {2, 2}, .pad = {1, 1}}));
  check_features(
      input_grad({1, 9, 8, 8}, {8, 9, 3, 3}, {.stride = {2, 2}, .pad = {1, 1}}));  // a row that no window meets
  check_features(input_grad({1, 8, 5, 6}, {8, 8, 1, 1}, {.stride = {2, 2}}));      // phases without taps
  check_features(input_grad({1, 8, 5, 7}, {8, 8, 2, 5}, {.stride = {1, 3}, .pad = {1, 2}}));
}

TEST_CASE("concat_conv2d on CUDA") {
  check_features(
      {concat_conv2d_op,
       NoAttrs{},
       {varied({2, 8, 5, 3}, 1), varied({2, 72, 5, 3}, 2), varied({2, 16, 5, 3}, 3), varied({24, 96, 1, 1}, 4)}});
  check_features(
      {concat_conv2d_op, NoAttrs{}, {varied({1, 64, 4, 4}, 1), varied({1, 64, 4, 4}, 2), varied({64, 128, 1, 1}, 3)}});
}

// Everything that a tuned plan may choose, once: on a GPU also the libraries themselves.
void check_candidates(Call call, [[maybe_unused]] const char* library) {
  const Tensor want = reference(call);
  for (const Storage& s : storages) {
    for (const bool known : {true, false}) {
      call.x = call.y = s.features;
      call.precision = s.precision;
      call.known = known;
      const std::optional<Step> first = call.step();
      REQUIRE(first);
      const std::vector<Step> all =
          call.with_signature([&](const Signature& signature) { return call.op.cuda_others(call.attrs, signature); });
      std::set<std::string> names;
      for (const Step& step : all) {
        INFO(step.kernel, " ", call.x, " ", name_of(call.precision), known ? " known" : "");
        CHECK(names.insert(step.kernel).second);
        const bool own = step.kernel.find(" gemm:") != std::string::npos;
        if (own && !known) continue;  // how those pack is tested above
        CHECK(relative_error(run(call, step), want) < limit(call));
      }
      CHECK(names.contains(first->kernel));
#ifdef G2FACE_CUDA_EMULATED
      const auto named = [&](const std::string& name) { return name.find(library) != std::string::npos; };
      CHECK(std::any_of(names.begin(), names.end(), named));
#endif
    }
  }
}

TEST_CASE("conv2d on CUDA: every candidate") {
  check_candidates(forward({2, 16, 5, 4}, {24, 16, 3, 3}, {.pad = {1, 1}}), " cudnn:");
  check_candidates(forward({1, 8, 5, 6}, {16, 8, 4, 2}, {.stride = {2, 1}, .pad = {1, 0}}), " cudnn:");
  check_candidates(forward({2, 24, 3, 5}, {16, 24, 1, 1}), " cublaslt:");
  check_candidates(input_grad({1, 8, 5, 6}, {16, 8, 3, 3}, {.stride = {2, 2}, .pad = {1, 1}}), " cudnn:");
  check_candidates(input_grad({2, 8, 3, 5}, {16, 8, 1, 1}), " cublaslt:");
}

TEST_CASE("conv2d on CUDA: every candidate with groups, row-major") {
  const Shape x = {2, 6, 5, 4}, w = {8, 3, 3, 2};
  const Conv2dAttrs a = filled({.stride = {1, 2}, .pad = {1, 1}, .groups = 2}, x, w);
  for (const Precision precision : {Precision::strict, Precision::tf32}) {
    for (Call call : {Call{conv2d_op, a, {varied(x, 1), varied(w, 2)}},
                      Call{conv2d_input_grad_op, a, {varied(forward(x, w, a).result().shape, 1), varied(w, 2)}}}) {
      call.precision = precision;
      const auto all = call.with_signature([&](const Signature& s) { return call.op.cuda_others(call.attrs, s); });
      for (const Step& step : all) {
        INFO(step.kernel, " ", name_of(precision));
        CHECK(relative_error(run(call, step), reference(call)) < limit(call));
      }
    }
  }
}

TEST_CASE("conv2d_weight_grad on CUDA: every candidate, in every layout that it is offered") {
  for (const auto& [x, w, attrs] : {std::tuple(Shape{2, 8, 5, 6}, Shape{16, 8, 3, 3}, Conv2dAttrs{.pad = {1, 1}}),
                                    std::tuple(Shape{1, 3, 8, 7}, Shape{4, 3, 4, 3}, Conv2dAttrs{.stride = {2, 2}}),
                                    std::tuple(Shape{2, 6, 4, 5}, Shape{4, 3, 1, 2}, Conv2dAttrs{.groups = 2})}) {
    const Conv2dAttrs a = filled(attrs, x, w);
    const std::vector<Tensor> in{varied(x, 1), varied(forward(x, w, a).result().shape, 2)};
    for (const Precision precision : {Precision::strict, Precision::tf32, Precision::bf16, Precision::f16}) {
      const std::vector<Type> types{in[0].type(), in[1].type()}, out{{DType::f32, w}};
      for (const LayoutChoice& choice : conv2d_weight_grad_op.cuda_layouts(a, types, out, precision)) {
        REQUIRE(choice.in[0] == choice.in[1]);
        // The harness takes the last input for weights, which are always row-major.
        const TensorDesc descs[] = {{types[0], choice.in[0]}, {types[1], choice.in[1]}}, result{out[0]};
        const bool known[] = {false, false};
        const Signature s{descs, {&result, 1}, known, precision};
        std::vector<Step> all = conv2d_weight_grad_op.cuda_others(a, s);
        const auto first = conv2d_weight_grad_op.cuda(a, s);
        REQUIRE((first && !all.empty()));
        CHECK(first->kernel == all[0].kernel);
        for (const bool exact : {false, true}) {
          const std::vector<Tensor> values = exact ? std::vector{whole(x, 7), whole(in[1].shape(), 8)} : in;
          const Tensor want = reference(conv2d_weight_grad_op, a, values);
          for (const Step& step : all) {
            INFO(step.kernel, " ", choice.in[0], " ", name_of(precision));
            const Tensor memory[] = {stored(values[0], choice.in[0]), stored(values[1], choice.in[1])};
            const Tensor dw = run_step(step, memory, Tensor::full(out[0], -1e30));
            // Whole numbers are exact until they are stored in 16 bits: 2^-9 then.
            const bool narrow = is_narrow(choice.in[0]);
            const double most = narrow ? 6e-3 : exact ? 0 : precision == Precision::strict ? 1e-6 : 8e-4;
            CHECK(relative_error(dw, want) <= most);
          }
        }
      }
    }
  }
}

TEST_CASE("conv2d on CUDA: plain loops in f32 and f64") {
  const Shape x = {2, 4, 6, 7}, w = {6, 2, 3, 2};
  const Conv2dAttrs a = filled({.stride = {2, 3}, .pad = {1, 0}, .groups = 2}, x, w);
  const Tensor dy = varied(forward(x, w, a).result().shape, 3);
  for (const Call& call :
       {Call{conv2d_op, a, {varied(x, 1), varied(w, 2)}}, Call{conv2d_input_grad_op, a, {dy, varied(w, 2)}},
        Call{conv2d_weight_grad_op, a, {varied(x, 1), dy}}}) {
    check_kernel(call.op.cuda, call.op, call.attrs, call.in, reference(call));
  }
}

}  // namespace
}  // namespace g2face::test
