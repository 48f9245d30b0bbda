// The 3D face model: the cases share a model file, which stands beside the folder of cases.

#include <filesystem>

#include "g2face/models/face_model.hpp"
#include "g2face/ops.hpp"
#include "io/face_model_import.hpp"
#include "op_adapters.hpp"

namespace g2face::golden {
namespace {

/// The recorded model, its parameters lent to the case.
FaceModel recorded_model(CaseBuilder& c) {
  const OpFile& file = c.golden().file();
  const auto& metadata = file.tensors().metadata();
  const auto name = metadata.find("face_model");
  check<FormatError>(name != metadata.end(), "the metadata of the file names no face_model");
  const std::filesystem::path path = file.path().parent_path().parent_path() / name->second;
  const Parameters parameters = io::import_face_model(path.string());
  for (const auto& [full, tensor] : parameters) c.lend(full.substr(full.find('/') + 1), tensor);
  return FaceModel::of(parameters);
}

Tensor first_rows(const Tensor& t, std::int64_t rows) {
  Tensor result(Type{t.dtype(), t.shape().with(0, rows)});
  const auto from = t.as<std::int32_t>();
  std::copy_n(from.begin(), result.numel(), result.mutable_as<std::int32_t>().begin());
  return result;
}

Outputs load_case(CaseBuilder& c) {
  const FaceModel model = recorded_model(c);
  const FaceCamera camera;
  c.require("focal", camera.focal);
  c.require("center", camera.centre);
  c.require("camera_distance", camera.distance);
  c.require("N", static_cast<double>(model.vertices));
  c.require("F", static_cast<double>(model.triangles.shape()[0]));
  const auto focal = static_cast<float>(camera.focal), centre = static_cast<float>(camera.centre);

  constexpr double white = 255;  // colours are recorded as 0..255
  const std::int64_t n = 3 * model.vertices, heads = 16;
  const Scope& s = c.scope();
  const auto basis = [&](std::string_view field, std::int64_t columns) {
    return reshape(s.param(field, {model.vertices, 3, columns}, init::zeros()), {n, columns});
  };
  Outputs outputs = {{"mean_shape", s.param("mean_shape", {model.vertices, 3}, init::zeros())},
                     {"mean_tex", reshape(s.param("mean_texture", {model.vertices, 3}, init::zeros()), {n}) * white},
                     {"id_base", basis("identity", model.identity)},
                     {"exp_base", basis("expression", model.expression)},
                     {"tex_base", basis("texture", model.texture) * white},
                     {"skinmask_sum", reshape(sum(s.param("skin", {model.vertices}, init::zeros())), {1})}};
  outputs["persc_proj"].tensor = Tensor::from({3, 3}, {focal, 0, 0, 0, focal, 0, centre, centre, 1});
  outputs["face_buf_head"].tensor = first_rows(model.triangles, heads);
  outputs["point_buf_head"].tensor = first_rows(model.mesh.vertex_triangles, heads);
  outputs["keypoints"].tensor = c.lent("landmarks");
  outputs["front_mask_head"].tensor = first_rows(c.lent("front_vertices"), heads);
  return outputs;
}

Outputs shape_case(CaseBuilder& c) {
  return only(face_shape(c.scope(), recorded_model(c), c.input("id"), c.input("exp")));
}

Outputs texture_case(CaseBuilder& c) { return only(face_texture(c.scope(), recorded_model(c), c.only_input())); }

Outputs normals_case(CaseBuilder& c) { return only(face_normals(recorded_model(c), c.only_input())); }

Outputs colour_case(CaseBuilder& c) {
  const Value shading = sh_shading(c.input("face_norm"), c.input("gamma"));
  return {{"face_color", c.input("face_texture") * shading}, {"face_mesh", shading}};
}

Outputs rotation_case(CaseBuilder& c) { return only(rotation_matrix(c.only_input())); }

Outputs transform_case(CaseBuilder& c) {
  const FaceModel model = recorded_model(c);
  const Value turned = rigid_transform(c.input("face_shape"), c.input("rot"), c.input("trans"));
  const Value camera = to_camera(turned), picture = project(camera);
  return {{"transformed", turned}, {"camera", camera}, {"proj", picture}, {"landmark", face_landmarks(model, picture)}};
}

Outputs render_case(CaseBuilder& c) {
  const PosedFace face = posed_face(c.scope(), recorded_model(c), c.only_input());
  return {{"face_vertex", face.camera},
          {"face_texture", face.texture},
          {"face_color", face.colour},
          {"face_mesh", face.shading},
          {"landmark", face.landmarks}};
}

Outputs loss_case(CaseBuilder& c) {
  const PosedFace face = posed_face(c.scope(), recorded_model(c), c.only_input());
  return {{"face_shape", face.shape}, {"landmark", face.landmarks}, {"face_mesh", face.shading}};
}

constexpr OpAdapter table[] = {
    {"load", 'l', load_case},
    {"compute_shape", 'l', shape_case},
    {"compute_texture", 'l', texture_case},
    {"compute_norm", 'l', normals_case},
    {"compute_color", 'l', colour_case},
    {"compute_rotation", 'l', rotation_case},
    {"transform, to_camera, to_image, get_landmarks", 'l', transform_case},
    {"compute_for_render", 'l', render_case},
    {"compute_for_loss", 'l', loss_case},
};

}  // namespace

std::span<const OpAdapter> face_adapters() { return table; }

}  // namespace g2face::golden
