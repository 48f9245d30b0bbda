#pragma once

#include <cstdint>
#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

/// How much a landmark that lies far from its place counts. u^2 is its weighted squared residual, k the scale.
enum class LandmarkLoss : std::uint8_t {
  squares,        // u^2
  huber,          // u^2 up to u = k, then 2 k u - k^2: outliers pull with a constant force
  geman_mcclure,  // k^2 u^2 / (k^2 + u^2): outliers hardly pull at all
};

struct LandmarkNormalEquationsAttrs {
  double focal = 1015, centre_x = 112, centre_y = 112;  // pixels
  double distance = 10;                                 // of the camera from the origin, in the unit of the model
  LandmarkLoss loss = LandmarkLoss::squares;
  double scale = 3;  // k
  bool operator==(const LandmarkNormalEquationsAttrs&) const = default;
  std::string str() const;
};

struct LandmarkModelValues {
  Value mean;       // [L,3]
  Value basis;      // [L,3,K]
  Value precision;  // [K]: 1 / variance of each coefficient's prior, whose mean is 0
};

struct LandmarkPoseValues {
  Value rotation;      // [N,3,3]
  Value translation;   // [N,3]
  Value coefficients;  // [N,K]
};

struct LandmarkNormalEquations {
  Value hessian;    // [N,P,P], P = 6 + K: the upper triangle, zeros below it
  Value right;      // [N,P]: minus the gradient of the cost
  Value residuals;  // [N,L,2]: projection minus landmark, pixels
  Value cost;       // [N]
};

/// One Gauss-Newton step's equations for faces whose landmarks were found in images.
///   s = mean + basis c,  q = R s,  p = q + t,  d = max(distance - p_z, distance / 100)
///   projection = focal (p_x, p_y) / d + centre        y upwards, as the camera looks against z
///   cost = 1/2 (sum_l rho(weight_l |residual_l|^2) + sum_k precision_k c_k^2)
///   hessian = J^T W J + diag(0, precision),  right = -(J^T W residual + (0, precision c)),  W = weight rho'
/// J has the columns (rotation, translation, coefficients). A rotation step w turns q to exp([w]x) q: J is the
/// derivative at w = 0, so a step belongs to the rotation exp([w]x) R and needs no angles.
/// landmarks [N,L,2], weights [N,L]: 1 / variance in pixels^-2, 0 for a landmark that is not there.
/// hessian drops second derivatives of projection and rho (Gauss-Newton, iteratively reweighted), right is exact where
/// no d is clamped.
/// R1: all inputs have the same floating dtype.  R2: mean [L,3], basis [L,3,K], precision [K].
/// R3: rotation [N,3,3], translation [N,3], coefficients [N,K], landmarks [N,L,2], weights [N,L].
/// R4: focal, distance and scale are positive.  Formula; a face has the same results in every batch.
LandmarkNormalEquations landmark_normal_equations(const LandmarkModelValues& model, const LandmarkPoseValues& pose,
                                                  Value landmarks, Value weights,
                                                  const LandmarkNormalEquationsAttrs& attrs = {});

extern const OpDef landmark_normal_equations_op;

}  // namespace g2face
