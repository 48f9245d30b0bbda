// The optimizer's kernels, over more tensors than one launch takes, with tensors of several chunks and of none, in
// memory of their own and over what they replace. All lie in one piece of memory: protecting hundreds takes minutes.
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

/// f32 tensors one after another, each on 16 bytes.
struct Packed {
  std::vector<std::int64_t> at;
  std::vector<Shape> shapes;
  Tensor all;
  explicit Packed(const std::vector<Tensor>& tensors) {
    std::int64_t n = 0;
    for (const Tensor& t : tensors) {
      at.push_back(n);
      shapes.push_back(t.shape());
      n += (t.numel() + 3) / 4 * 4;
    }
    all = Tensor::zeros({DType::f32, {n}});
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      std::copy_n(tensors[i].as<float>().begin(), tensors[i].numel(), all.mutable_as<float>().begin() + at[i]);
    }
  }
  /// Tensor i of memory that is laid out like this.
  Tensor tensor(const Tensor& memory, std::size_t i) const {
    const auto n = static_cast<std::size_t>(shapes[i].numel());
    return Tensor::from(shapes[i], memory.as<float>().subspan(static_cast<std::size_t>(at[i]), n));
  }
};

/// `scalars` come first, then `in`.
void check_tensors(const OpDef& op, const Attrs& attrs, const std::vector<Tensor>& scalars,
                   const std::vector<Tensor>& in, const std::string& kernel) {
  Pass pass{op, attrs, scalars, {}};
  pass.in.insert(pass.in.end(), in.begin(), in.end());
  const Types types = op.infer(attrs, pass.in_types());
  pass.layouts = {std::vector(pass.in.size(), Layout::nchw), std::vector(types.size(), Layout::nchw), 0};
  const std::vector<Tensor> want = wanted(pass);

  std::vector<TensorDesc> in_descs, out_descs;
  for (const Tensor& t : pass.in) in_descs.push_back({t.type()});
  for (const Type& t : types) out_descs.push_back({t});
  Signature signature;
  signature.in = in_descs;
  signature.out = out_descs;
  const std::optional<Step> step = op.cuda(attrs, signature);
  REQUIRE(step);
  CHECK(step->kernel == kernel);
  CHECK(step->in_place.size() == types.size());

  const Packed from(in);
  const Packed to(want);
  const Tensor untouched = Tensor::full(to.all.type(), -1e30);  // an element that no thread writes is seen
  std::optional<Tensor> first;
  for_each_schedule([&] {
    for (const bool over : {false, true}) {
      std::vector<DeviceTensor> single;
      for (const Tensor& t : scalars) single.emplace_back(t);
      const DeviceTensor source(from.all), result(untouched);
      std::vector<const void*> in_data;
      std::vector<void*> out_data;
      for (const DeviceTensor& t : single) in_data.push_back(t.data());
      for (const std::int64_t at : from.at) in_data.push_back(static_cast<float*>(source.data()) + at);
      for (const std::int64_t at : to.at) out_data.push_back(static_cast<float*>(result.data()) + at);
      for (const InPlace& way : step->in_place) {
        void*& out = out_data[static_cast<std::size_t>(way.output)];
        if (over) out = const_cast<void*>(in_data[static_cast<std::size_t>(way.input)]);
      }
      Stream stream{Device::cuda()};
      step->run({in_data, out_data}, stream);
      cuda::check_call(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
      if (!over) {
        const Tensor got = result.to_host();
        for (std::size_t o = 0; o < want.size(); ++o) CHECK(relative_error(to.tensor(got, o), want[o]) < 1e-6);
        if (!first) first = got;
        CHECK(std::memcmp(got.data(), first->data(), got.bytes()) == 0);
        continue;
      }
      const Tensor got = source.to_host();
      for (const InPlace& way : step->in_place) {
        const auto o = static_cast<std::size_t>(way.output);
        const std::size_t i = static_cast<std::size_t>(way.input) - scalars.size();
        CHECK(std::memcmp(got.as<float>().data() + from.at[i], first->as<float>().data() + to.at[o], want[o].bytes()) ==
              0);
      }
    }
  });
}

TEST_CASE("adam on CUDA: any number of tensors") {
  for (const double beta1 : {0., 0.5}) {
    const int each = beta1 == 0 ? 3 : 4, count = 75;  // a launch takes 70 or 55 of them
    std::vector<Tensor> in;
    for (const Shape& shape : shapes(count)) {
      for (int k = 0; k < each; ++k) in.push_back(varied(shape, static_cast<unsigned>(in.size())));
      Tensor& squares = in[in.size() - static_cast<std::size_t>(each) + 2];
      for (float& v : squares.mutable_as<float>()) v = v * v;
    }
    const Tensor step = Tensor::full({DType::i64, {1}}, 3);
    for (const Tensor& rate : {Tensor::full({DType::f32, {1}}, 0.01), Tensor::from({2}, {0.01F, 0.25F})})
      check_tensors(adam_op, AdamAttrs{.beta1 = beta1}, {step, rate}, in, str("adam cuda ", count, " tensors"));
  }
}

TEST_CASE("ema on CUDA: any number of tensors") {
  const int count = 103;  // a launch takes 99 of them
  std::vector<Tensor> in;
  for (int k = 0; k < 2; ++k) {
    for (const Shape& shape : shapes(count)) in.push_back(varied(shape, static_cast<unsigned>(in.size())));
  }
  check_tensors(ema_op, EmaAttrs{.decay = 0.75}, {}, in, str("ema cuda ", count, " tensors"));
}

}  // namespace
}  // namespace g2face::test
