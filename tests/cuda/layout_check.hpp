#pragma once
// Runs the CUDA kernel of a row in every way in which it can have its operands, and compares with the reference loops.

#include "cuda/kernel_check.hpp"
#include "kernels/cuda/index_space.hpp"
#include "kernels/cuda/layouts.hpp"

namespace g2face::test {

/// The index of each element of a layout's memory in row-major order.
inline std::vector<std::size_t> row_major_places(const TensorDesc& value) {
  const std::vector<std::int64_t> steps = cuda::steps_of({value.type, Layout::nchw});
  std::vector<std::size_t> places{0};
  for (const int axis : cuda::memory_order(value)) {
    std::vector<std::size_t> longer;
    for (const std::size_t place : places) {
      for (std::int64_t i = 0; i < value.type.shape[axis]; ++i) {
        longer.push_back(place + static_cast<std::size_t>(i * steps[static_cast<std::size_t>(axis)]));
      }
    }
    places = std::move(longer);
  }
  return places;
}

/// The memory of a row-major tensor in a layout.
inline Tensor in_layout(const Tensor& t, Layout layout) {
  const TensorDesc desc{t.type(), layout};
  const Tensor stored = t.to(cuda::storage_of(desc));
  Tensor memory(stored.type());
  const std::size_t bytes = size_of(stored.dtype());
  auto* to = static_cast<std::byte*>(memory.mutable_data());
  for (const std::size_t place : row_major_places(desc)) {
    std::memcpy(to, static_cast<const std::byte*>(stored.data()) + place * bytes, bytes);
    to += bytes;
  }
  return memory;
}

/// The row-major tensor of a layout's memory.
inline Tensor from_layout(const Tensor& memory, const TensorDesc& desc) {
  Tensor t(memory.type());
  const std::size_t bytes = size_of(t.dtype());
  const auto* from = static_cast<const std::byte*>(memory.data());
  for (const std::size_t place : row_major_places(desc)) {
    std::memcpy(static_cast<std::byte*>(t.mutable_data()) + place * bytes, from, bytes);
    from += bytes;
  }
  return t.to(desc.type.dtype);
}

struct LaidOutRun {
  std::string kernel;
  Tensor result;  // row-major
};

/// One run of the row's kernel with its operands in these layouts.
inline LaidOutRun run_in_layouts(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in,
                                 const LayoutChoice& layouts, Precision precision) {
  std::vector<Type> types;
  std::vector<TensorDesc> descs;
  std::vector<DeviceTensor> device;
  for (std::size_t i = 0; i < in.size(); ++i) {
    types.push_back(in[i].type());
    descs.push_back({in[i].type(), layouts.in[i]});
    device.emplace_back(in_layout(in[i], layouts.in[i]));
  }
  const std::vector<TensorDesc> out_descs{{op.infer(attrs, types).at(0), layouts.out[0]}};
  const DeviceTensor out(Tensor::full({cuda::storage_of(out_descs[0]), out_descs[0].type.shape}, 1e4));
  Signature signature;
  signature.in = descs;
  signature.out = out_descs;
  signature.precision = precision;
  const std::optional<Step> step = op.cuda(attrs, signature);
  REQUIRE(step);
  const DeviceTensor workspace = plan_workspace(*step);

  std::vector<const void*> in_data;
  for (const DeviceTensor& t : device) in_data.push_back(t.data());
  void* const out_data[] = {out.data()};
  Stream stream{Device::cuda()};
  step->run({in_data, out_data, static_cast<std::byte*>(workspace.data()) + plan_alignment}, stream);
  cuda::check_call(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  return {step->kernel, from_layout(out.to_host(), out_descs[0])};
}

/// The result of the reference loops.
inline Tensor reference_result(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in) {
  std::vector<Type> types;
  std::vector<Tensor> doubles;
  std::vector<const double*> in_data;
  for (const Tensor& t : in) {
    types.push_back(t.type());
    doubles.push_back(t.to(DType::f64));
    in_data.push_back(doubles.back().as<double>().data());
  }
  const std::vector<Type> out_types = op.infer(attrs, types);
  Tensor out({DType::f64, out_types.at(0).shape});
  double* const out_data[] = {out.mutable_as<double>().data()};
  op.reference(attrs, {types, out_types, in_data, out_data});
  return out;
}

/// In every layout that the row offers at any precision and in each order of threads, the kernel gives what the
/// reference loops give for inputs as they are stored, up to `limit` (a relative error), and the same bits each time.
/// Returns the names of the kernels that ran.
inline std::vector<std::string> check_layouts(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in,
                                              double limit = 0) {
  std::vector<std::string> kernels;
  for (const Precision precision : {Precision::strict, Precision::bf16, Precision::f16}) {
    std::vector<Type> types;
    for (const Tensor& t : in) types.push_back(t.type());
    for (const LayoutChoice& choice : op.cuda_layouts(attrs, types, op.infer(attrs, types), precision)) {
      INFO(op.name << " " << attrs.str() << ": " << choice.in[0] << " -> " << choice.out[0]);
      std::vector<Tensor> stored;
      for (std::size_t i = 0; i < in.size(); ++i) {
        const DType dtype = cuda::storage_of({in[i].type(), choice.in[i]});
        stored.push_back(in[i].to(dtype).to(in[i].dtype()));
      }
      const Tensor want = reference_result(op, attrs, stored);
      std::optional<Tensor> first;
      for_each_schedule([&] {
        const LaidOutRun run = run_in_layouts(op, attrs, in, choice, precision);
        CHECK(relative_error(run.result, want) <= limit);
        if (!first) first = run.result;
        CHECK(std::memcmp(run.result.data(), first->data(), first->bytes()) == 0);
        kernels.push_back(run.kernel);
      });
    }
  }
  return kernels;
}

}  // namespace g2face::test
