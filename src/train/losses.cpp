#include "g2face/train/losses.hpp"

#include "g2face/graph/gradients.hpp"
#include "g2face/ops/all_reduce.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/l2_normalize.hpp"
#include "g2face/ops/matmul.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/reshape.hpp"
#include "g2face/ops/select.hpp"
#include "g2face/ops/unary.hpp"

namespace g2face {
namespace {

constexpr double landmark_weight = 0.01;

Value mean_square(Value a, Value b) { return mean(square(a - b)); }

}  // namespace

Value generator_loss(Value fake) { return mean(softplus(-fake)); }

Value discriminator_loss(Value real, Value fake) { return mean(softplus(-real)) + mean(softplus(fake)); }

Value r1_penalty(Value logits, Value images) {
  const Value slope = gradients(sum(logits), {images})[0];
  return sum(square(slope)) / static_cast<double>(images.shape()[0]);
}

Value cosine(Value a, Value b) { return sum(l2_normalize(a) * l2_normalize(b), {.axes = {1}}); }

Value same_identity(Value a, Value b) { return mean(affine(cosine(a, b), -1, 1)); }

Value other_identity(Value a, Value b) { return mean(relu(cosine(a, b))); }

Value cosine_embedding(Value a, Value b, Value label) {
  const Value c = cosine(a, b);
  return mean(select(leaky_step(label, 0), affine(c, -1, 1), relu(c)));
}

Value diversity(Value identities) {
  const std::shared_ptr<Communicator>& ranks = identities.graph->ranks();
  const std::int64_t n = identities.shape()[0], all = n * ranks_of(ranks), first = ranks ? ranks->rank() * n : 0;
  Tensor others = Tensor::full({DType::f32, {n, all}}, 1);
  for (std::int64_t i = 0; i < n; ++i) others.mutable_as<float>()[static_cast<std::size_t>(i * all + first + i)] = 0;
  const Value unit = l2_normalize(identities);
  const Value everybody = reshape(all_gather(unit), {all, unit.shape()[1]});
  return mean(relu(matmul(unit, everybody, {.transpose_b = true})) *
              identities.graph->constant(others.to(identities.dtype())));
}

GeometryLoss geometry_loss(const FaceGeometry& a, const FaceGeometry& b) {
  GeometryLoss loss{
      mean_square(a.shape, b.shape), mean_square(a.landmarks, b.landmarks), mean_square(a.colours, b.colours), {}};
  loss.sum = loss.shape + landmark_weight * loss.landmarks + loss.colours;
  return loss;
}

Value l1(Value a, Value b) { return mean(abs(a - b)); }

Value hidden_bits(Value logits, Value bits) { return mean(softplus(logits) - logits * bits); }

}  // namespace g2face
