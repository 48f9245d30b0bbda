#pragma once
// Runs a CUDA kernel with its operands in given layouts, known inputs packed, against the op on the reference device.

#include <algorithm>
#include <string>

#include "cuda/layout_check.hpp"
#include "g2face/plan/executor.hpp"

namespace g2face::test {

struct Pass {
  const OpDef& op;
  Attrs attrs;
  std::vector<Tensor> in;
  LayoutChoice layouts;
  Precision precision = Precision::fast;
  bool known = false;  // all inputs but the first

  std::vector<Type> in_types() const {
    std::vector<Type> types;
    for (const Tensor& t : in) types.push_back(t.type());
    return types;
  }
};

/// The features' choice of an op's kernel, which is the last that it offers.
inline Pass features_pass(const OpDef& op, const Attrs& attrs, const std::vector<Tensor>& in, Precision precision) {
  Pass pass{op, attrs, in, {}, precision};
  const std::vector<Type> types = pass.in_types();
  pass.layouts = op.cuda_layouts(attrs, types, op.infer(attrs, types), precision).back();
  REQUIRE(pass.layouts.in[0] != Layout::nchw);
  return pass;
}

struct PassResult {
  std::string kernel;
  std::vector<Tensor> out;  // row-major
};

/// `in_place`: result 0 has the memory of that input.
inline PassResult run_pass(const Pass& p, int in_place = -1) {
  std::vector<TensorDesc> in, out;
  for (std::size_t i = 0; i < p.in.size(); ++i) in.push_back({p.in[i].type(), p.layouts.in[i]});
  for (const Type& t : p.op.infer(p.attrs, p.in_types())) out.push_back({t, p.layouts.out[out.size()]});
  const auto known = std::make_unique<bool[]>(in.size());
  for (std::size_t i = 1; i < in.size(); ++i) known[i] = p.known;
  const std::optional<Step> step = p.op.cuda(p.attrs, Signature{in, out, {known.get(), in.size()}, p.precision});
  REQUIRE(step);

  std::vector<DeviceTensor> device;
  for (std::size_t i = 0; i < p.in.size(); ++i) {
    Tensor memory = in_layout(p.in[i], p.layouts.in[i]);
    for (const Packing& packing : step->packings) {
      if (packing.input != static_cast<int>(i)) continue;
      Tensor packed({DType::u8, {static_cast<std::int64_t>(packing.bytes)}});
      packing.pack(memory.data(), packed.mutable_data());
      memory = packed;
    }
    device.emplace_back(memory);
  }
  for (const TensorDesc& d : out) device.emplace_back(Tensor::full({cuda::storage_of(d), d.type.shape}, 1e4));
  const DeviceTensor workspace(Tensor::full({DType::u8, {static_cast<std::int64_t>(step->workspace)}}, 255));

  std::vector<const void*> in_data;
  std::vector<void*> out_data;
  for (std::size_t i = 0; i < in.size(); ++i) in_data.push_back(device[i].data());
  for (std::size_t o = 0; o < out.size(); ++o) out_data.push_back(device[in.size() + o].data());
  if (in_place >= 0) {
    REQUIRE(std::find(step->in_place.begin(), step->in_place.end(), InPlace{in_place}) != step->in_place.end());
    out_data[0] = device[static_cast<std::size_t>(in_place)].data();
  }
  Stream stream{Device::cuda()};
  step->run({in_data, out_data, workspace.data()}, stream);
  cuda::check_call(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  PassResult result{step->kernel, {}};
  for (std::size_t o = 0; o < out.size(); ++o) {
    const std::size_t from = in_place >= 0 && o == 0 ? static_cast<std::size_t>(in_place) : in.size() + o;
    result.out.push_back(from_layout(device[from].to_host(), out[o]));
  }
  return result;
}

/// The results on the reference device, of inputs and results as they are stored.
inline std::vector<Tensor> wanted(const Pass& p) {
  Graph g;
  std::vector<Value> in;
  std::vector<Tensor> stored;
  for (std::size_t i = 0; i < p.in.size(); ++i) {
    const Type& type = p.in[i].type();
    in.push_back(g.input(type, str("x", i)));
    stored.push_back(p.in[i].to(cuda::storage_of({type, p.layouts.in[i]})).to(type.dtype));
  }
  const Value first = g.add(p.op, in, p.attrs);
  std::vector<Value> out;
  for (std::size_t o = 0; o < p.layouts.out.size(); ++o) out.push_back({&g, first.node, static_cast<int>(o)});
  Executor run(plan(g, out, {.device = Device::reference()}));
  for (std::size_t i = 0; i < in.size(); ++i) run.set(in[i], stored[i]);
  run.run({.check_finite = false});
  std::vector<Tensor> results;
  for (std::size_t o = 0; o < out.size(); ++o) {
    results.push_back(run.get(out[o]).to(cuda::storage_of({out[o].type(), p.layouts.out[o]})));
  }
  return results;
}

/// The kernel of that name gives what is wanted, with the same bits in each order of threads.
inline void check_pass(const Pass& p, const std::string& kernel, double limit = 1e-6) {
  INFO(p.op.name << " " << p.attrs.str() << ": " << p.layouts.in[0] << " -> " << p.layouts.out[0]);
  const std::vector<Tensor> want = wanted(p);
  std::vector<Tensor> first;
  for_each_schedule([&] {
    const PassResult got = run_pass(p);
    CHECK(got.kernel == kernel);
    for (std::size_t o = 0; o < want.size(); ++o) {
      // Near the middle between two 16-bit values, the last bit of f32 decides.
      CHECK(relative_error(got.out[o], want[o]) < (is_narrow(p.layouts.out[o]) ? 1e-3 : limit));
      if (first.size() <= o) first.push_back(got.out[o]);
      CHECK(std::memcmp(got.out[o].data(), first[o].data(), first[o].bytes()) == 0);
    }
  });
}

}  // namespace g2face::test
