#pragma once
// Runs a kernel on device memory and compares it with the op's reference loops: the real CUDA runtime in the preset
// `cuda`, the host's stand-in, with three orders of threads that must agree bit for bit, in `emulated`.

#include <cuda_runtime.h>
#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "g2face/graph/op.hpp"
#include "g2face/graph/step.hpp"
#include "kernels/cuda/runtime.hpp"

namespace g2face::test {

class DeviceTensor {
 public:
  explicit DeviceTensor(const Tensor& host) : type_(host.type()) {
    cuda::check_call(cudaMalloc(&data_, host.bytes()), "cudaMalloc");
    cuda::check_call(cudaMemcpy(data_, host.data(), host.bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
  }
  ~DeviceTensor() { cudaFree(data_); }
  DeviceTensor(DeviceTensor&& other) noexcept : type_(other.type_), data_(std::exchange(other.data_, nullptr)) {}
  DeviceTensor& operator=(DeviceTensor&&) = delete;

  void* data() const { return data_; }
  Tensor to_host() const {
    Tensor host(type_);
    cuda::check_call(cudaMemcpy(host.mutable_data(), data_, host.bytes(), cudaMemcpyDeviceToHost), "cudaMemcpy");
    return host;
  }

 private:
  Type type_;
  void* data_ = nullptr;
};

/// Calls f once for each order of threads that the platform can be told to use.
template <class F>
void for_each_schedule(const F& f) {
#ifdef G2FACE_CUDA_EMULATED
  for (const int seed : {0, 1, 2}) {
    CAPTURE(seed);
    cuda_on_host::seed(static_cast<std::uint64_t>(seed));
    f();
  }
  cuda_on_host::seed(0);
#else
  f();
#endif
}

/// A step's workspace, behind the first bytes: aligned as a plan's, and no better.
constexpr std::size_t plan_alignment = 64;
inline DeviceTensor plan_workspace(const Step& step) {
  return DeviceTensor(Tensor::full({DType::u8, {static_cast<std::int64_t>(step.workspace + plan_alignment)}}, 0xff));
}

/// What a step of one output makes of these bytes; `out` is what stands there before.
inline Tensor run_step(const Step& step, std::span<const Tensor> in, const Tensor& out) {
  std::vector<DeviceTensor> device;
  std::vector<const void*> in_data;
  for (const Tensor& t : in) in_data.push_back(device.emplace_back(t).data());
  const DeviceTensor result(out);
  const DeviceTensor workspace = plan_workspace(step);
  void* const out_data[] = {result.data()};
  Stream stream{Device::cuda()};
  step.run({in_data, out_data, static_cast<std::byte*>(workspace.data()) + plan_alignment}, stream);
  cuda::check_call(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  return result.to_host();
}

using Kernel = std::optional<Step> (*)(const Attrs&, const Signature&);

/// The result of a kernel on copies of the inputs in device memory.
inline Tensor run_kernel(Kernel kernel, const OpDef& op, const Attrs& attrs, std::span<const Tensor> in) {
  std::vector<Type> types;
  std::vector<TensorDesc> descs;
  for (const Tensor& t : in) {
    types.push_back(t.type());
    descs.push_back({t.type()});
  }
  const std::vector<TensorDesc> out_descs{{op.infer(attrs, types).at(0)}};
  Signature signature;
  signature.in = descs;
  signature.out = out_descs;
  const auto known = std::make_unique<bool[]>(in.size());
  signature.known = {known.get(), in.size()};
  const std::optional<Step> step = kernel(attrs, signature);
  REQUIRE(step);
  return run_step(*step, in, Tensor::full(out_descs[0].type, -1e30));  // an element that no thread writes is seen
}

/// Runs a kernel in f32 and f64, in each order of threads, against a result computed in double.
inline void check_kernel(Kernel kernel, const OpDef& op, const Attrs& attrs, std::span<const Tensor> in,
                         const Tensor& want) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    CAPTURE(name_of(dtype));
    std::vector<Tensor> converted;
    for (const Tensor& t : in) converted.push_back(t.to(dtype));
    std::optional<Tensor> first;
    for_each_schedule([&] {
      const Tensor got = run_kernel(kernel, op, attrs, converted);
      CHECK(got.shape() == want.shape());
      CHECK(relative_error(got, want) < (dtype == DType::f32 ? 1e-6 : 1e-14));
      if (!first) first = got;
      CHECK(std::memcmp(got.data(), first->data(), got.bytes()) == 0);
    });
  }
}

/// Values in -1..1 that f32 holds exactly, so that every dtype starts from the same.
inline Tensor varied(const Shape& shape, unsigned seed) {
  Tensor t({DType::f32, shape});
  for (float& v : t.mutable_as<float>()) {
    seed = seed * 1664525u + 1013904223u;
    v = static_cast<float>(static_cast<int>(seed >> 16) - 32768) / 32768.f;
  }
  return t;
}

}  // namespace g2face::test
