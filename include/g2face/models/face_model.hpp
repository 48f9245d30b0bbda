#pragma once
// A face in three dimensions: a mesh that moves linearly with coefficients, its pose, a camera and light. Computes what
// ParametricFaceModel of Deep3DFaceRecon (Deng et al. 2019) does, for any model in the common format.
//
// The common format: tensors `face_model/<field>` of a safetensors file, V vertices and F triangles.
//   mean_shape        f32 [V,3]     decimetres; x to the right of the picture, y up, z to the viewer; mean 0
//   identity          f32 [V,3,Ki]  what one unit of each coefficient adds; normally coefficients are N(0,1)
//   expression        f32 [V,3,Ke]  likewise; of blendshapes coefficients lie in 0..1
//   mean_texture      f32 [V,3]     RGB, 0..1
//   texture           f32 [V,3,Kt]  missing if Kt = 0
//   triangles         i32 [F,3]     vertices, counter-clockwise seen from outside
//   vertex_triangles  i32 [V,D]     the triangles that make the normal of a vertex, padded with F
//   landmarks         i32 [L]       vertices; 68 in the order of Multi-PIE
// and, where a model has them:
//   front_vertices    i32 [A]       vertices that are seen from the front
//   front_triangles   i32 [B,3]     triangles between them
//   skin              f32 [V]       1 on skin, 0 elsewhere
//   part              i32 [V]       0 face, 1 head and neck, 2 and 3 eyeballs
//   uv                f32 [T,2]     texture coordinates, 0..1, v up
//   uv_triangles      i32 [F,3]     rows of uv, for the corners of each triangle
// __metadata__["g2face"]["face_model"] says which model it is: FaceModelFacts.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "g2face/models/face_camera.hpp"
#include "g2face/nn/scope.hpp"
#include "g2face/ops/vertex_normals.hpp"
#include "g2face/parameters.hpp"

namespace g2face {

struct FaceModelFacts {
  std::string name = {};  // "bfm-front", "ict-facekit-light"; "" if the file does not say
  std::string source = {}, licence = {};
  NormalWeight normals = NormalWeight::equal;
  /// How to get back to the coordinates of the source: position / scale + origin.
  double scale = 1;  // decimetres for one unit of the source
  std::array<double, 3> origin = {0, 0, 0};
  std::vector<std::string> expression_names = {};  // of blendshapes; empty if they have none

  /// From and to __metadata__["g2face"]["face_model"]; other fields there stay as they are. Throws CheckpointError
  /// naming a field of a wrong type.
  static FaceModelFacts of(const Parameters& parameters);
  void store(Parameters& parameters) const;
  bool operator==(const FaceModelFacts&) const = default;
};

/// A face model as graphs need it: sizes and tables. Bases stay in Parameters.
struct FaceModel {
  FaceModelFacts facts;
  std::int64_t vertices = 0, identity = 0, expression = 0, texture = 0;  // V, Ki, Ke, Kt
  Tensor triangles;                                                      // i32 [F,3]
  MeshTables mesh;
  std::vector<std::int64_t> landmarks;

  /// Reads and checks the model in a file. Throws CheckpointError naming the first field that is missing, has another
  /// dtype or shape, holds an index out of range or a number that is not finite.
  static FaceModel of(const Parameters& parameters);

  /// Coefficients of a face: Ki + Ke + Kt + 3 + 27 + 3, which is 257 for the model of G2Face.
  std::int64_t coefficient_count() const { return identity + expression + texture + 33; }
};

/// The parts of coefficients, in their order.
struct FaceCoefficients {
  Value identity;     // [N,Ki]
  Value expression;   // [N,Ke]
  Value texture;      // [N,Kt]; empty if Kt = 0
  Value angles;       // [N,3], radians, about x, y and z
  Value gamma;        // [N,27], nine for each of R, G, B
  Value translation;  // [N,3], decimetres
};
///   coefficients [N,coefficient_count()].  Throws ShapeError for any other shape.
FaceCoefficients split_coefficients(const FaceModel& model, Value coefficients);

/// mean_shape + identity . identity basis + expression . expression basis        [N,Ki], [N,Ke] -> [N,V,3]
/// The face in its own coordinates: neither turned nor moved. Parameters: s / mean_shape, identity, expression; the
/// scope of a whole model is Scope(graph, "face_model").
Value face_shape(const Scope& s, const FaceModel& model, Value identity, Value expression);

/// The same for some vertices only, in this order: costs as much as those.        -> [N,vertices.size(),3]
Value face_shape_at(const Scope& s, const FaceModel& model, Value identity, Value expression,
                    const std::vector<std::int64_t>& vertices);

/// mean_texture + texture . texture basis, RGB without light, not clipped to 0..1.        [N,Kt] -> [N,V,3]
/// For a model without texture modes: `texture` is empty, and N is given by `like`, a value [N,...].
Value face_texture(const Scope& s, const FaceModel& model, Value texture, Value like = {});

/// Unit normals of vertices, with the model's weights.        shape [N,V,3] -> [N,V,3]
Value face_normals(const FaceModel& model, Value shape);

/// (Rz Ry Rx)^T, for row vectors: points @ rotation.        angles [N,3] about x, y, z -> [N,3,3]
Value rotation_matrix(Value angles);

/// points @ rotation + translation        points [N,P,3], rotation [N,3,3], translation [N,3] or empty -> [N,P,3]
Value rigid_transform(Value points, Value rotation, Value translation = {});

/// Depth grows away from the camera: z -> distance - z.        [N,P,3] -> [N,P,3]
Value to_camera(Value points, const FaceCamera& camera = {});
/// Pixels, y up (rows of an image are size - 1 - y): focal x / z + centre_x, likewise y.   camera points [N,P,3] ->
/// [N,P,2] Points behind the camera (z < 0) come out mirrored, and z = 0 gives infinities: as the formula has it.
Value project(Value camera_points, const FaceCamera& camera = {});

/// The rows of landmarks.        per_vertex [N,V,C] -> [N,L,C]
Value face_landmarks(const FaceModel& model, Value per_vertex);

/// Light on a white surface, by spherical harmonics up to the second order (Ramamoorthi & Hanrahan 2001).
///   y[n,v,c] = sum over k of basis_k(normal[n,v]) (gamma[n,9c+k] + 0.8 if k = 0)
/// normals [N,V,3] of length 1, gamma [N,27] -> [N,V,3]; multiply by the texture for colours.
Value sh_shading(Value normals, Value gamma);
/// The nine functions: the derivative of that light with respect to gamma.        normals [N,V,3] -> [N,V,9]
Value sh_basis(Value normals);

/// All that the reference computes of coefficients [N,coefficient_count()].
struct PosedFace {
  FaceCoefficients coefficients;
  Value shape;      // [N,V,3] in the face's own coordinates
  Value camera;     // [N,V,3] in camera coordinates
  Value texture;    // [N,V,3] without light
  Value shading;    // [N,V,3] light alone, by the turned normals
  Value colour;     // [N,V,3] texture * shading
  Value landmarks;  // [N,L,2] pixels, y up
};
/// Values that no output of a plan needs cost nothing.
PosedFace posed_face(const Scope& s, const FaceModel& model, Value coefficients, const FaceCamera& camera = {});

}  // namespace g2face
