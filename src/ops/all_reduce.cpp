#include "g2face/ops/all_reduce.hpp"

#include <algorithm>
#include <numeric>

#include "g2face/graph/op.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/reshape.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"

namespace g2face {
namespace {

Types infer(const AllReduceAttrs&, std::span<const Type> in) {
  check<ShapeError>(is_float(in[0].dtype), "x ", in[0].str(), " must have a floating dtype (R1)");
  return {in[0]};
}

void grad(GradRule& r, const AllReduceAttrs& a) { r.dx(0, r.graph().add(all_reduce_op, {r.dy()}, a)); }

void reference(const AllReduceAttrs& a, const ReferenceArgs& args) {
  std::ranges::copy(args.in(0), args.out().begin());
  if (a.ranks) a.ranks->all_reduce(args.out());
}

/// 1 at the place of this rank among all, 0 at the others: [ranks, 1, ...]
Value place_of_rank(Graph& graph, int rank, DType dtype) {
  std::vector<std::int64_t> dims(static_cast<std::size_t>(rank), 1);
  dims[0] = graph.ranks()->ranks();
  Tensor place = Tensor::zeros({DType::f32, Shape(dims)});
  place.mutable_as<float>()[static_cast<std::size_t>(graph.ranks()->rank())] = 1;
  return graph.constant(place.to(dtype));
}

// ---- buckets ----

const Type token{DType::f32, {1}};  // says that a reduction was started

Types infer_start(const ReductionBucketAttrs& a, std::span<const Type> in) {
  for (std::size_t i = 0; i < in.size(); ++i) {
    check<ShapeError>(in[i] == Type{DType::f32, a.bucket->shapes[i]}, "value ", i, " is ", in[i].str(),
                      ", expected f32", a.bucket->shapes[i], " (R2)");
  }
  return {token};
}

void start_reference(const ReductionBucketAttrs& a, const ReferenceArgs& args) {
  std::vector<double>& all = a.bucket->references;
  all.clear();
  for (std::size_t i = 0; i < args.in_types.size(); ++i) {
    const std::span<const double> x = args.in(static_cast<int>(i));
    all.insert(all.end(), x.begin(), x.end());
  }
  a.bucket->ranks->all_reduce(all);
  args.out()[0] = 0;
}

Types infer_wait(const ReductionBucketAttrs& a, std::span<const Type>) {
  Types out;
  for (const Shape& shape : a.bucket->shapes) out.push_back({DType::f32, shape});
  return out;
}

void wait_reference(const ReductionBucketAttrs& a, const ReferenceArgs& args) {
  auto from = a.bucket->references.begin();
  for (std::size_t i = 0; i < args.out_types.size(); ++i) {
    const std::span<double> y = args.out(static_cast<int>(i));
    std::copy_n(from, y.size(), y.begin());
    from += static_cast<std::ptrdiff_t>(y.size());
  }
}

}  // namespace

std::string AllReduceAttrs::str() const {
  return ranks ? g2face::str(ranks->ranks(), " ranks at ", reinterpret_cast<std::uintptr_t>(ranks.get())) : "alone";
}

Value all_reduce(Value x) {
  return x.graph->ranks() ? x.graph->add(all_reduce_op, {x}, AllReduceAttrs{x.graph->ranks()}) : x;
}

Value all_gather(Value x) {
  std::vector<std::int64_t> dims = {1};
  for (int i = 0; i < x.shape().rank(); ++i) dims.push_back(x.shape()[i]);
  const Value row = reshape(x, Shape(dims));
  if (!x.graph->ranks()) return row;
  return all_reduce(row * place_of_rank(*x.graph, row.shape().rank(), x.dtype()));
}

Value mean_over_ranks(Value x) { return x.graph->ranks() ? mean(all_gather(x), {.axes = {0}}) : x; }

Value own_part(Value all) {
  std::vector<std::int64_t> rest;
  for (int i = 1; i < all.shape().rank(); ++i) rest.push_back(all.shape()[i]);
  if (!all.graph->ranks()) return reshape(all, Shape(rest));
  return sum(all * place_of_rank(*all.graph, all.shape().rank(), all.dtype()), {.axes = {0}});
}

std::size_t ReductionBucket::size() const {
  std::size_t n = 0;
  for (const Shape& shape : shapes) n += static_cast<std::size_t>(shape.numel());
  return n;
}

std::string ReductionBucketAttrs::str() const {
  return g2face::str(bucket->shapes.size(), " values at ", reinterpret_cast<std::uintptr_t>(bucket.get()));
}

std::vector<Value> all_reduce_in_buckets(std::span<const Value> values, std::size_t bytes) {
  std::vector<Value> results(values.begin(), values.end());
  if (values.empty() || !values.front().graph->ranks()) return results;
  Graph& graph = *values.front().graph;
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return values[i].node; });
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    const auto bucket = std::make_shared<ReductionBucket>();
    bucket->ranks = graph.ranks();
    std::vector<Value> members;
    while (end < order.size() && (members.empty() || bucket->size() * sizeof(float) < bytes)) {
      members.push_back(values[order[end++]]);
      bucket->shapes.push_back(members.back().shape());
    }
    const Value started = graph.add(all_reduce_start_op, members, ReductionBucketAttrs{bucket});
    const Value sums = graph.add(all_reduce_wait_op, {started}, ReductionBucketAttrs{bucket});
    for (std::size_t i = begin; i < end; ++i) results[order[i]] = {&graph, sums.node, static_cast<int>(i - begin)};
  }
  return results;
}

const OpDef all_reduce_op = define_op<AllReduceAttrs, infer, grad, reference>("all_reduce")
                                .with_cpu<AllReduceAttrs, all_reduce_cpu>()
                                .with_cuda<AllReduceAttrs, all_reduce_cuda>();
const OpDef all_reduce_start_op =
    define_op<ReductionBucketAttrs, infer_start, nullptr, start_reference>("all_reduce_start")
        .with_cpu<ReductionBucketAttrs, all_reduce_start_cpu>()
        .with_cuda<ReductionBucketAttrs, all_reduce_start_cuda>();
const OpDef all_reduce_wait_op = define_op<ReductionBucketAttrs, infer_wait, nullptr, wait_reference>("all_reduce_wait")
                                     .with_cpu<ReductionBucketAttrs, all_reduce_wait_cpu>()
                                     .with_cuda<ReductionBucketAttrs, all_reduce_wait_cuda>();

}  // namespace g2face
