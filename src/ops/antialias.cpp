#include "g2face/ops/antialias.hpp"

#include <algorithm>
#include <array>

#include "g2face/graph/op.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/concat.hpp"
#include "g2face/ops/pad.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/slice.hpp"
#include "g2face/ops/unary.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"

namespace g2face {
namespace {

constexpr int directions = 4;  // left, right, top, bottom: d ^ 1 is opposite to d

void check_operands(const Type& image, const Type& distances) {
  const Shape& x = image.shape;
  check<ShapeError>(x.rank() == 4 && is_float(image.dtype), "image ", image.str(),
                    " must have rank 4 and a floating dtype (R1)");
  const Type wanted{image.dtype, {x[0], directions, x[2], x[3]}};
  check<ShapeError>(distances == wanted, "distances ", distances.str(), " must be ", wanted.str(), " (R2)");
}

Types infer(const NoAttrs&, std::span<const Type> in) {
  check_operands(in[0], in[1]);
  return {in[0]};
}

void grad(GradRule& r, const NoAttrs&) {
  const AntialiasGradients dx = antialias_grad(r.dy(), r.in(0), r.in(1));
  r.dx(0, dx.image);
  r.dx(1, dx.distances);
}

void reference(const NoAttrs&, const ReferenceArgs& args) {
  const Shape& x = args.in_shape(0);
  const std::int64_t channels = x[1], height = x[2], width = x[3], pixels = height * width;
  const std::array<std::int64_t, directions> right = {-1, 1, 0, 0}, down = {0, 0, -1, 1};
  for (std::int64_t i = 0; i < x[0] * pixels; ++i) {
    const std::int64_t n = i / pixels, at = i % pixels, row = at / width, column = at % width;
    const auto distance = [&](std::size_t d, std::int64_t pixel) {
      return args.in_data[1][(n * directions + static_cast<std::int64_t>(d)) * pixels + pixel];
    };
    std::array<std::int64_t, directions> neighbour{};  // -1: outside
    std::array<double, directions> weight{};
    double total = 0;
    for (std::size_t d = 0; d < directions; ++d) {
      const std::int64_t u = row + down[d], v = column + right[d];
      neighbour[d] = 0 <= u && u < height && 0 <= v && v < width ? u * width + v : -1;
      weight[d] = std::max(0.5 - distance(d, at), 0.0);
      if (neighbour[d] >= 0) weight[d] += std::max(distance(d ^ 1, neighbour[d]) - 0.5, 0.0);
      total += weight[d];
    }
    for (std::int64_t c = 0; c < channels; ++c) {
      const double* const plane = args.in_data[0] + (n * channels + c) * pixels;
      double change = 0;
      for (std::size_t d = 0; d < directions; ++d) {
        change += weight[d] * ((neighbour[d] >= 0 ? plane[neighbour[d]] : 0) - plane[at]);
      }
      args.out_data[0][(n * channels + c) * pixels + at] = plane[at] + change / std::max(total, 1.0);
    }
  }
}

Types infer_grad(const NoAttrs&, std::span<const Type> in) {
  check_operands(in[1], in[2]);
  check<ShapeError>(in[0] == in[1], "dy ", in[0].str(), " must have the type of image ", in[1].str(), " (R3)");
  return {in[1], in[2]};
}

/// At each pixel the value of its neighbour on that side; 0 outside.
Value neighbour(Value x, int direction) {
  const int axis = direction < 2 ? 3 : 2;
  const std::int64_t size = x.shape()[axis];
  const bool before = direction % 2 == 0;
  const Value rest = slice_axis(x, axis, before ? 0 : 1, size - 1);
  std::vector<std::int64_t> first(4), last(4);
  (before ? first : last)[static_cast<std::size_t>(axis)] = 1;
  return pad(rest, first, last);
}

// y = image + sum_d share_d (neighbour_d(image) - image), share_d = weight_d / max(total, 1).
std::vector<Value> grad_formula(Graph&, std::span<const Value> in, const NoAttrs&) {
  const Value dy = in[0], image = in[1];
  std::array<Value, directions> distance, share;
  Value total, all_shares;
  for (int d = 0; d < directions; ++d) distance[static_cast<std::size_t>(d)] = slice_axis(in[2], 1, d, 1);
  for (int d = 0; d < directions; ++d) {
    const auto i = static_cast<std::size_t>(d);
    // What the neighbour gives of itself: seen from there, this pixel is on the other side.
    share[i] = relu(affine(distance[i], -1, 0.5)) + neighbour(relu(distance[i ^ 1] - 0.5), d);
    total = total ? total + share[i] : share[i];
  }
  const Value divisor = relu(total - 1) + 1;

  // dy_share: for each share; dy_weight: of those, through the divisor too.
  std::array<Value, directions> dy_share, dy_weight;
  Value through_divisor, dimage = dy;
  for (int d = 0; d < directions; ++d) {
    const auto i = static_cast<std::size_t>(d);
    share[i] = share[i] / divisor;
    dy_share[i] = sum(dy * (neighbour(image, d) - image), {.axes = {1}, .keep_dims = true});
    const Value part = share[i] * dy_share[i];
    through_divisor = through_divisor ? through_divisor + part : part;
    all_shares = all_shares ? all_shares + share[i] : share[i];
  }
  dimage = dy - dy * all_shares;
  for (int d = 0; d < directions; ++d) {
    const auto i = static_cast<std::size_t>(d);
    dy_weight[i] = (dy_share[i] - leaky_step(total - 1, 0) * through_divisor) / divisor;
    dimage = dimage + neighbour(dy * share[i ^ 1], d);
  }
  std::vector<Value> ddistances;
  for (int d = 0; d < directions; ++d) {
    const auto i = static_cast<std::size_t>(d);
    const Value given = leaky_step(affine(distance[i], -1, 0.5), 0), taken = leaky_step(distance[i] - 0.5, 0);
    ddistances.push_back(taken * neighbour(dy_weight[i ^ 1], d) - given * dy_weight[i]);
  }
  return {dimage, concat(ddistances, 1)};
}

}  // namespace

Value antialias(Value image, Value distances) { return image.graph->add(antialias_op, {image, distances}, NoAttrs{}); }

AntialiasGradients antialias_grad(Value dy, Value image, Value distances) {
  const Value first = image.graph->add(antialias_grad_op, {dy, image, distances}, NoAttrs{});
  return {first, {first.graph, first.node, 1}};
}

const OpDef antialias_op = define_op<NoAttrs, infer, grad, reference>("antialias")
                               .with_cpu<NoAttrs, antialias_cpu>()
                               .with_cuda<NoAttrs, antialias_cuda>();
const OpDef antialias_grad_op = define_fused_op<NoAttrs, infer_grad, grad_formula>("antialias_grad")
                                    .with_cpu<NoAttrs, antialias_grad_cpu>()
                                    .with_cuda<NoAttrs, antialias_grad_cuda>();

}  // namespace g2face
