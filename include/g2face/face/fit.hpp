#pragma once
// Fits a morphable face model to landmarks found in an image: pose, identity and expression at once, by damped
// Gauss-Newton steps with priors. Method, determined modes and measurements: docs/fitting.md.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "g2face/ops/landmark_normal_equations.hpp"
#include "g2face/plan/executor.hpp"
#include "g2face/tensor.hpp"

namespace g2face {

/// A pinhole camera at (0, 0, distance) that looks against z: x' = focal x / (distance - z) + centre_x, y upwards.
struct Camera {
  double focal = 1015, centre_x = 112, centre_y = 112;  // pixels
  double distance = 10;                                 // in the unit of the model: decimetres

  /// The reference's camera of 224 pixels, scaled to images of `pixels` x `pixels`.
  static Camera reference(double pixels = 224);
};

/// What a face model is at its landmarks; floating tensors, y up, z to the viewer, in the unit of Camera::distance.
/// Coefficients c move landmark l to mean[l] + identity[l] c_identity + expression[l] c_expression.
struct LandmarkModel {
  Tensor mean;        // [L,3]
  Tensor identity;    // [L,3,Ki]
  Tensor expression;  // [L,3,Ke]; Ke may be 0
};

struct FitOptions {
  Camera camera;
  double landmark_sigma = 1;  // pixels: standard deviation of a landmark's coordinate
  /// Standard deviations of the coefficients, whose priors have mean 0: one for each mode, or empty for 1.
  std::vector<double> identity_sigma, expression_sigma;
  bool expression_in_unit_range = false;  // blendshapes: expression coefficients stay in 0..1
  LandmarkLoss loss = LandmarkLoss::squares;
  double loss_scale = 3;  // of landmark_sigma, where a residual begins to count less
  int max_iterations = 40;
  double tolerance = 1e-5;  // stop when a step promises to lower the cost by less than tolerance (1 + cost)
  double damping = 1e-3;    // at first: the share of its own by which a diagonal element of the matrix grows
  std::int64_t batch = 0;   // faces at a time; 0: 8 on the host, whose caches hold no more, 256 on CUDA
  PlanOptions plan;
};

enum class FitStatus : std::uint8_t {
  converged,
  iteration_limit,  // the best found so far
  stuck,            // no smaller step lowers the cost: the best found so far
  degenerate,       // fewer than 4 landmarks with weight, or all (nearly) in one point or line: no pose
  not_finite,       // a landmark or weight that counts is not finite, or a weight is negative
};
std::string_view name_of(FitStatus status);

/// A fitted face. With status degenerate or not_finite all numbers are zeros and the rotation is none.
struct FaceFit {
  FitStatus status = FitStatus::degenerate;
  int iterations = 0;
  double cost = 0;  // 1/2 (sum of weighted squares (after the loss) + sum of squared coefficients in sigmas)
  std::vector<double> identity, expression;
  std::array<double, 9> rotation = {1, 0, 0, 0, 1, 0, 0, 0, 1};  // row-major
  std::array<double, 3> translation = {};
  std::vector<double> errors;  // pixels, of each landmark: distance of projection and landmark

  /// Radians about x, y, z with rotation = Rz Ry Rx, as the reference's coefficients have them; y in +-pi/2.
  std::array<double, 3> angles() const;
};
/// Rz Ry Rx.
std::array<double, 9> rotation_of(const std::array<double, 3>& angles);

/// How well the landmarks determine a fit, to first order about it.
struct FitAnalysis {
  /// [P,P] f64 of rotation (radians, about the camera's axes), translation, identity and expression: the inverse of the
  /// information of landmarks and priors.
  Tensor covariance;
  /// Of identity, pose and expression being unknown: eigenvalues of the landmarks' information relative to the prior's,
  /// largest first. A direction with value e is known to 1 / sqrt(1 + e) of its prior's sigma.
  std::vector<double> information;
  Tensor directions;  // [Ki,Ki] f64: row i is the unit direction of information[i], in sigmas of the prior

  /// Directions known to a third of the prior's sigma or better (e >= 8): those that the landmarks determine.
  std::int64_t determined() const;
};

/// Fits batches of faces with one model. Plans are kept between calls. One thread at a time may use it.
class LandmarkFitter {
 public:
  /// Throws ShapeError for tensors that do not fit together and Error for options out of range, naming them.
  explicit LandmarkFitter(LandmarkModel model, FitOptions options = {});

  /// `landmarks` [N,L,2] in pixels, y UPWARDS (a row r of an image of H rows is H - 1 - r); `weights` [N,L], relative
  /// to 1 / landmark_sigma^2, 0 for a landmark that was not found; none means all 1. Floating tensors. A face's result
  /// does not depend on the others. Throws ShapeError for other shapes; what is wrong with one face is its status.
  std::vector<FaceFit> fit(const Tensor& landmarks, const Tensor& weights = {});

  /// Where the camera sees the landmarks of a face: [L,2] f64.
  Tensor project(const FaceFit& face) const;
  /// `weights` [L] as given to fit(). On the host in double.
  FitAnalysis analyse(const FaceFit& face, const Tensor& weights = {}) const;

  std::int64_t points() const { return mean_.shape()[0]; }
  std::int64_t identity_modes() const { return identity_modes_; }
  std::int64_t expression_modes() const { return basis_.shape()[2] - identity_modes_; }

 private:
  struct Iteration;
  struct Slot;
  Iteration& iteration(std::int64_t faces);
  bool start(const Tensor& landmarks, const Tensor& weights, std::size_t face, Slot& slot) const;
  bool is_free(const Slot& slot, std::size_t parameter) const;
  void advance(Slot& slot, double cost, bool solved, const float* right, const float* step,
               const float* residuals) const;

  FitOptions options_;
  Tensor mean_, basis_;  // f32 [L,3], [L,3,K]
  std::int64_t identity_modes_ = 0;
  std::vector<double> sigma_;                                      // [K]
  std::map<std::int64_t, std::shared_ptr<Iteration>> iterations_;  // by batch size
};

/// A pose from landmarks and a rigid shape: weak perspective in closed form (POS), repeated with each point's own depth
/// (POSIT), which needs no first guess and takes any yaw. `landmarks` and `weights` as above, `shape` [L][3]. With
/// `robust`, points that lie far from where the rest puts them count little. Nothing where FitStatus says degenerate.
/// Source: DeMenthon and Davis, Model-based object pose in 25 lines of code, 1995.
struct RigidPose {
  std::array<double, 9> rotation;
  std::array<double, 3> translation;
};
std::optional<RigidPose> rigid_pose(const Camera& camera, std::span<const double> shape,
                                    std::span<const double> landmarks, std::span<const double> weights, bool robust);

}  // namespace g2face
