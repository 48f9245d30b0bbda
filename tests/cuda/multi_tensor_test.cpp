// The optimizer's kernels, over more tensors than one launch takes, with tensors of several chunks and of none, in
// memory of their own and over what they replace.
#include "cuda/pass_check.hpp"
#include "g2face/ops/adam.hpp"
#include "g2face/ops/ema.hpp"

namespace g2face::test {
namespace {

constexpr std::int64_t chunk = 8192;  // elements of a block

std::vector<Shape> shapes(int count) {
  std::vector<Shape> all{{chunk + 5}, {0}, {3, 7}, {2 * chunk}};
  while (static_cast<int>(all.size()) < count) all.push_back({1 + static_cast<std::int64_t>(all.size()) % 9});
  return all;
}

Pass plain(const OpDef& op, const Attrs& attrs, const std::vector<Tensor>& in) {
  Pass pass{op, attrs, in, {}};
  pass.layouts = {std::vector(in.size(), Layout::nchw),
                  std::vector(op.infer(attrs, pass.in_types()).size(), Layout::nchw), 0};
  return pass;
}

/// All results over what they replace, against results of their own.
void check_in_place(const Pass& p) {
  const std::vector<Tensor> want = run_pass(p).out;
  std::vector<TensorDesc> in, out;
  std::vector<DeviceTensor> device;
  for (const Tensor& t : p.in) in.push_back({t.type()}), device.emplace_back(t);
  for (const Tensor& t : want) out.push_back({t.type()});
  Signature signature;
  signature.in = in;
  signature.out = out;
  const std::optional<Step> step = p.op.cuda(p.attrs, signature);
  REQUIRE(step);
  std::vector<const void*> in_data;
  std::vector<void*> out_data(out.size(), nullptr);
  for (const DeviceTensor& t : device) in_data.push_back(t.data());
  std::vector<std::size_t> from(out.size());
  for (const InPlace& way : step->in_place) {
    from[static_cast<std::size_t>(way.output)] = static_cast<std::size_t>(way.input);
    out_data[static_cast<std::size_t>(way.output)] = device[static_cast<std::size_t>(way.input)].data();
  }
  Stream stream{Device::cuda()};
  step->run({in_data, out_data}, stream);
  cuda::check_call(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  for (std::size_t o = 0; o < out.size(); ++o) {
    const Tensor got = device[from[o]].to_host();
    CHECK(std::memcmp(got.data(), want[o].data(), got.bytes()) == 0);
  }
}

TEST_CASE("adam on CUDA: any number of tensors") {
  for (const double beta1 : {0., 0.5}) {
    const int each = beta1 == 0 ? 3 : 4, count = 75;  // a launch takes 70 or 55 of them
    std::vector<Tensor> in{Tensor::full({DType::i64, {1}}, 3), Tensor::full({DType::f32, {1}}, 0.01)};
    for (const Shape& shape : shapes(count)) {
      for (int k = 0; k < each; ++k) in.push_back(varied(shape, static_cast<unsigned>(in.size())));
      Tensor& squares = in[in.size() - static_cast<std::size_t>(each) + 2];
      for (float& v : squares.mutable_as<float>()) v = v * v;
    }
    const Pass pass = plain(adam_op, AdamAttrs{.beta1 = beta1}, in);
    check_pass(pass, str("adam cuda ", count, " tensors"));
    check_in_place(pass);
  }
}

TEST_CASE("ema on CUDA: any number of tensors") {
  const int count = 103;  // a launch takes 99 of them
  std::vector<Tensor> in;
  for (int k = 0; k < 2; ++k) {
    for (const Shape& shape : shapes(count)) in.push_back(varied(shape, static_cast<unsigned>(in.size())));
  }
  const Pass pass = plain(ema_op, EmaAttrs{.decay = 0.75}, in);
  check_pass(pass, str("ema cuda ", count, " tensors"));
  check_in_place(pass);
}

}  // namespace
}  // namespace g2face::test
