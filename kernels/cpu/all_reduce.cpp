#include <algorithm>
#include <memory>

#include "kernels/cpu/kernels.hpp"

namespace g2face {

MaybeStep all_reduce_cpu(const AllReduceAttrs& a, const Signature& s) {
  if (s.in[0].type.dtype != DType::f32) return std::nullopt;
  Step step;
  step.kernel = str("all_reduce ", ranks_of(a.ranks), " ranks");
  step.run = [n = static_cast<std::size_t>(s.in[0].type.shape.numel()), ranks = a.ranks](const Buffers& b, Stream&) {
    auto* y = b.out_as<float>();
    if (y != b.get<float>(0)) std::copy_n(b.get<float>(0), n, y);
    if (ranks) ranks->all_reduce(std::span(y, n));
  };
  step.in_place = {{0, 0}};
  return step;
}

MaybeStep all_reduce_start_cpu(const ReductionBucketAttrs& a, const Signature& s) {
  if (!a.bucket->values)
    a.bucket->values = std::shared_ptr<float>(new float[a.bucket->size()], std::default_delete<float[]>());
  Step step;
  step.kernel = str("all_reduce_start ", s.in.size(), " tensors");
  step.run = [bucket = a.bucket](const Buffers& b, Stream&) {
    float* to = bucket->values.get();
    for (std::size_t i = 0; i < b.in.size(); ++i)
      to = std::copy_n(b.get<float>(static_cast<int>(i)), bucket->shapes[i].numel(), to);
    bucket->ticket = bucket->ranks->start_all_reduce(bucket->values, bucket->size());
    *b.out_as<float>() = 0;
  };
  return step;
}

MaybeStep all_reduce_wait_cpu(const ReductionBucketAttrs& a, const Signature& s) {
  Step step;
  step.kernel = str("all_reduce_wait ", s.out.size(), " tensors");
  step.run = [bucket = a.bucket](const Buffers& b, Stream&) {
    bucket->ranks->wait(bucket->ticket);
    const float* from = bucket->values.get();
    for (std::size_t i = 0; i < b.out.size(); ++i) {
      std::copy_n(from, bucket->shapes[i].numel(), b.out_as<float>(static_cast<int>(i)));
      from += bucket->shapes[i].numel();
    }
  };
  return step;
}

}  // namespace g2face
