#pragma once
// The losses of G2Face, each a scalar (shape []), by their names in docs and in the authors' options. D is the
// discriminator's logit, f the identity network, cos the cosine. LPIPS, the rest of the pixel loss, is in
// models/lpips.hpp. Weights are those of the authors; a loss here comes without its own unless it says so.
//
//   anonymize  L = diversity(e') + same_identity(e', f(Y)) + other_identity(f(X), f(Y)) + geometry(X, Y)
//                  + l1(Y, X) + LPIPS(Y, X) + generator_loss(D(Y)) + 10 hidden_bits(h(Y + n), b)
//   recover    L = same_identity(f(X), f(X^)) + geometry(X, X^) + l1(X^, X) + LPIPS(X^, X) + generator_loss(D(X^))
//                  + 10 hidden_bits(h(X^ + n), b)
//   D          L = discriminator_loss(D(X), D(fake)) + 5 r1_penalty(D(X), X), the penalty in every 16th step

#include "g2face/graph/graph.hpp"

namespace g2face {

/// Adversarial, non-saturating (Goodfellow et al. 2014).   mean softplus(-D(fake));  logits of any shape
Value generator_loss(Value fake);
///   mean softplus(-D(real)) + mean softplus(D(fake))
Value discriminator_loss(Value real, Value fake);
/// R1 (Mescheder et al. 2018): the squared norm of the gradient at real images, for each the sum over its values, mean
/// over the batch.   logits of any shape, that depend on images [N,...]
/// The gradient is that of the sum of the logits: where samples share a group of minibatch_stddev they all count.
Value r1_penalty(Value logits, Value images);

/// The cosine of rows.   a, b [N,D] -> [N];  1e-12 is added to each squared norm, as PyTorch does
Value cosine(Value a, Value b);
/// PyTorch's cosine embedding loss with margin 0, for the labels 1, -1, and a label for each row:
///   mean(1 - cos(a, b))         mean(max(0, cos(a, b)))         the one or the other by label [N], above 0 or not
Value same_identity(Value a, Value b);
Value other_identity(Value a, Value b);
Value cosine_embedding(Value a, Value b, Value label);
/// Dummy identities should differ:  sum over i != j of max(0, cos(e_i, e_j)) / N^2;  identities [N,D]. The pairs of one
/// with itself count in the mean, as zeros.
Value diversity(Value identities);

/// What geometry compares of a face.
struct FaceGeometry {
  Value shape;      // vertices before the rotation [N,V,3], decimetres
  Value landmarks;  // projected [N,68,2], pixels of a 224 image
  Value colours;    // of vertices, by light alone [N,V,3]
};
/// The three terms, mean squared differences, and their sum with weights 1, 0.01 and 1.
struct GeometryLoss {
  Value shape, landmarks, colours, sum;
};
GeometryLoss geometry_loss(const FaceGeometry& a, const FaceGeometry& b);

/// Mean absolute difference, of any shape.
Value l1(Value a, Value b);
/// Mean binary cross entropy of logits with bits 0 or 1, of any shape:  mean(softplus(x) - x bit)
Value hidden_bits(Value logits, Value bits);

}  // namespace g2face
