#include "g2face/ops/gather_sum.hpp"

#include <algorithm>
#include <vector>

#include "g2face/graph/op.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"

namespace g2face {
namespace {

Types infer(const NoAttrs&, std::span<const Type> in) {
  const Shape& x = in[0].shape;
  check<ShapeError>(is_float(in[0].dtype) && x.rank() >= 1, "x ", in[0].str(),
                    " must have a floating dtype and at least one axis (R1)");
  for (const std::size_t i : {1U, 2U}) {
    check<ShapeError>(in[i].dtype == DType::i32 && in[i].shape.rank() == 2, i == 1 ? "table " : "inverse ", in[i].str(),
                      " must be i32 of rank 2 (R2)");
  }
  check<ShapeError>(in[2].shape[0] == x[-1], "inverse ", in[2].shape, " must have one row for each of the ", x[-1],
                    " elements of the last axis of x ", x, " (R3)");
  return {{in[0].dtype, x.with(-1, in[1].shape[0])}};
}

void grad(GradRule& r, const NoAttrs&) { r.dx(0, gather_sum(r.dy(), r.in(2), r.in(1))); }

void reference(const NoAttrs&, const ReferenceArgs& args) {
  const std::int64_t extent = args.in_shape(0)[-1], rows = args.in_shape(1)[0], columns = args.in_shape(1)[1];
  const std::int64_t planes = rows > 0 ? args.out_shape().numel() / rows : 0;
  for (std::int64_t p = 0; p < planes; ++p) {
    for (std::int64_t m = 0; m < rows; ++m) {
      double total = 0;
      for (std::int64_t d = 0; d < columns; ++d) {
        const double index = args.in_data[1][m * columns + d];
        if (index >= 0 && index < static_cast<double>(extent)) {
          total += args.in_data[0][p * extent + static_cast<std::int64_t>(index)];
        }
      }
      args.out_data[0][p * rows + m] = total;
    }
  }
}

}  // namespace

Value gather_sum(Value x, Value table, Value inverse) {
  return x.graph->add(gather_sum_op, {x, table, inverse}, NoAttrs{});
}

Tensor inverse_table(const Tensor& table, std::int64_t rows) {
  check<ShapeError>(table.dtype() == DType::i32 && table.shape().rank() == 2, "inverse_table: table ",
                    table.type().str(), " must be i32 of rank 2");
  const std::int64_t count = table.shape()[0], columns = table.shape()[1];
  const auto entries = table.as<std::int32_t>();
  std::vector<std::int64_t> filled(static_cast<std::size_t>(rows), 0);
  for (const std::int32_t r : entries) {
    if (r >= 0 && r < rows) ++filled[static_cast<std::size_t>(r)];
  }
  const std::int64_t width =
      filled.empty() ? 1 : std::max<std::int64_t>(1, *std::max_element(filled.begin(), filled.end()));
  Tensor inverse(Type{DType::i32, {rows, width}});
  const auto out = inverse.mutable_as<std::int32_t>();
  std::fill(out.begin(), out.end(), static_cast<std::int32_t>(count));
  std::fill(filled.begin(), filled.end(), 0);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::int32_t r = entries[i];
    if (r < 0 || r >= rows) continue;
    std::int64_t& place = filled[static_cast<std::size_t>(r)];
    out[static_cast<std::size_t>(r * width + place++)] =
        static_cast<std::int32_t>(static_cast<std::int64_t>(i) / columns);
  }
  return inverse;
}

const OpDef gather_sum_op = define_op<NoAttrs, infer, grad, reference>("gather_sum")
                                .with_cpu<NoAttrs, gather_sum_cpu>()
                                .with_cuda<NoAttrs, gather_sum_cuda>();

}  // namespace g2face
