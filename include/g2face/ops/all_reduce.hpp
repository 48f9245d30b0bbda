#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "g2face/distributed/communicator.hpp"
#include "g2face/graph/graph.hpp"

namespace g2face {

struct AllReduceAttrs {
  std::shared_ptr<Communicator> ranks;  // null: alone
  bool operator==(const AllReduceAttrs&) const = default;
  std::string str() const;
};

/// The sum of x over the ranks that run the graph (Graph::share_batch), the same bits on all of them; x itself where
/// one process runs it alone.
///   y = sum over ranks r of x_r        x any shape -> y as x
/// R1: x has a floating dtype.
/// Gradient: all_reduce(dy). What gradients() differentiates is the sum over ranks of what each of them asks for: a
/// value that reaches the losses of all ranks gets the cotangents of all.
Value all_reduce(Value x);

/// [ranks, ...]: the x of every rank. A formula over all_reduce: each adds zeros for the others, which is exact.
Value all_gather(Value x);
/// The mean of x over ranks: where x is a mean over the part of each, that over the batch. x itself alone.
Value mean_over_ranks(Value x);
/// The part of this rank: all [ranks, ...] -> [...].
Value own_part(Value all);

/// The sums of many values over ranks while the device goes on computing. Values that nodes make one after the other
/// share a bucket of about `bytes`; its reduction starts when the last of them is there. R2: all are f32. Not
/// differentiable.
/// Two ops for each bucket: all_reduce_start copies the values to memory of the bucket, all_reduce_wait from there.
std::vector<Value> all_reduce_in_buckets(std::span<const Value> values, std::size_t bytes = std::size_t{25} << 20);

/// Between the two: one run at a time.
struct ReductionBucket {
  std::shared_ptr<Communicator> ranks;
  std::vector<Shape> shapes;
  std::shared_ptr<float> values;   // one tensor after the other; kernels make it
  std::vector<double> references;  // the same on the reference device
  Communicator::Ticket ticket = 0;

  std::size_t size() const;
};
struct ReductionBucketAttrs {
  std::shared_ptr<ReductionBucket> bucket;
  bool operator==(const ReductionBucketAttrs&) const = default;
  std::string str() const;
};

extern const OpDef all_reduce_op, all_reduce_start_op, all_reduce_wait_op;

}  // namespace g2face
