#include "train/draws.hpp"

#include <vector>

#include "g2face/ops/binary.hpp"
#include "g2face/ops/random.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/reshape.hpp"
#include "g2face/ops/select.hpp"
#include "g2face/ops/unary.hpp"

namespace g2face {

Value uniform(Value seeds, std::string_view stream) {
  const Value pair = random_normal(seeds, {{seeds.shape()[0], 2}, random_stream(stream)});
  return exp(sum(square(pair), {.axes = {1}, .keep_dims = true}) * -0.5);
}

Value some(double share, Value seeds, std::string_view stream, Value changed, Value before) {
  const Value limit = seeds.graph->constant(Tensor::scalar(share));
  std::vector<std::int64_t> rows(static_cast<std::size_t>(before.shape().rank()), 1);
  rows.front() = seeds.shape()[0];
  return select(reshape(greater(limit, uniform(seeds, stream)), Shape(rows)), changed, before);
}

}  // namespace g2face
