#pragma once
// Runs a kernel on device memory and compares it with the op's reference loops: the real CUDA runtime in the preset
// `cuda`, the host's stand-in, with three orders of threads that must agree bit for bit, in `emulated`.

#include <cuda_runtime.h>
#include <doctest/doctest.h>

#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "g2face/graph/op.hpp"
#include "kernels/launch.cuh"

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

/// Plain loops in double.
inline std::vector<Tensor> run_reference(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in) {
  std::vector<Type> types;
  std::vector<Tensor> wide, out;
  std::vector<const double*> in_data;
  for (const Tensor& t : in) {
    types.push_back(t.type());
    wide.push_back(t.to(DType::f64));
  }
  for (const Tensor& t : wide) in_data.push_back(t.as<double>().data());
  const std::vector<Type> out_types = op.infer(attrs, types);
  std::vector<double*> out_data;
  for (const Type& t : out_types) out.push_back(Tensor::zeros({DType::f64, t.shape}));
  for (Tensor& t : out) out_data.push_back(t.mutable_as<double>().data());
  op.reference(attrs, {types, out_types, in_data, out_data});
  return out;
}

inline std::vector<Tensor> run_kernel(std::optional<Step> (*kernel)(const Attrs&, const Signature&), const OpDef& op,
                                      const Attrs& attrs, std::span<const Tensor> in) {
  std::vector<Type> types;
  std::vector<TensorDesc> in_descs, out_descs;
  std::vector<DeviceTensor> in_device, out_device;
  for (const Tensor& t : in) {
    types.push_back(t.type());
    in_descs.push_back({t.type()});
    in_device.emplace_back(t);
  }
  for (const Type& t : op.infer(attrs, types)) {
    out_descs.push_back({t});
    out_device.emplace_back(Tensor::full(t, -1e30));  // an element that no thread writes is seen
  }
  Signature signature;
  signature.in = in_descs;
  signature.out = out_descs;
  const std::optional<Step> step = kernel(attrs, signature);
  REQUIRE(step);
  CHECK(step->workspace == 0);

  std::vector<const void*> in_data;
  std::vector<void*> out_data;
  for (const DeviceTensor& t : in_device) in_data.push_back(t.data());
  for (const DeviceTensor& t : out_device) out_data.push_back(t.data());
  Stream stream{Device::cuda()};
  step->run({in_data, out_data}, stream);
  cuda::check_call(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  std::vector<Tensor> out;
  for (const DeviceTensor& t : out_device) out.push_back(t.to_host());
  return out;
}

}  // namespace g2face::test
