#include "g2face/train/stages.hpp"

#include <algorithm>
#include <array>

#include "g2face/models/extractor.hpp"
#include "g2face/models/identity.hpp"
#include "g2face/models/identity_network.hpp"
#include "g2face/models/lpips.hpp"
#include "g2face/models/recon.hpp"
#include "g2face/models/stylegan2.hpp"
#include "g2face/ops.hpp"

namespace g2face {
namespace {

/// The network that regresses coefficients takes 0..1.
Value coefficients_of(const TrainingNetworks& n, Value image) {
  return recon(n.recon, affine(image, 0.5, 0.5), n.config);
}

/// Nothing without a face model.
FaceGeometry geometry_of(const TrainingNetworks& n, Value coefficients) {
  if (n.face_model.vertices == 0) return {};
  const PosedFace face = posed_face(n.face, n.face_model, coefficients);
  return {face.shape, face.landmarks, face.shading};
}

Value through(const Channel& channel, Value image) { return channel ? channel(image) : image; }

/// Terms with their weights. One that weighs nothing is left out, and with it what only it needs.
class Losses {
 public:
  void add(std::string_view name, double weight, const std::function<Value()>& term) {
    if (weight == 0) return;
    const Value value = weight * term();
    terms.push_back({name, value});
    total = total ? total + value : value;
  }
  std::vector<LossTerm> terms;
  Value total;
};

/// What both stages want of a generated picture: that it looks like the original, real, and holds its bits.
/// `features`: of the original, for LPIPS.
void add_losses_of_picture(Losses& losses, const TrainingNetworks& n, const GeneratedFace& face, Value original,
                           const FaceGeometry& original_geometry, std::span<const Value> features, Value bits,
                           const Channel& augment, const LossWeights& w) {
  if (n.face_model.vertices > 0) {
    const GeometryLoss geometry = geometry_loss(original_geometry, face.geometry);
    losses.add("shape", w.shape, [&] { return geometry.shape; });
    losses.add("landmarks", w.landmarks, [&] { return geometry.landmarks; });
    losses.add("colours", w.colours, [&] { return geometry.colours; });
  }
  losses.add("l1", w.l1, [&] { return l1(face.image, original); });
  losses.add("lpips", w.lpips,
             [&] { return mean(lpips_distance(n.lpips, lpips_features(n.lpips, face.image, n.config), features)); });
  losses.add("adversarial", w.adversarial,
             [&] { return generator_loss(discriminator(n.discriminator, through(augment, face.image), n.config)); });
  losses.add("hiding", w.hiding, [&] { return hidden_bits(face.logits, bits); });
}

GeneratedFace generate(const TrainingNetworks& n, Value image, Value identity, Value coefficients, Value bits,
                       const GeneratorNoise& noise, const Channel& channel) {
  GeneratedFace face;
  face.styles = style_mlp(n.style_mlp, identity, select_geometry(coefficients), n.config);
  face.image = generator(n.generator, image, face.styles, bits, noise, n.config);
  face.identity = identity_network(n.arcface, face.image, n.config);
  face.coefficients = coefficients_of(n, face.image);
  face.geometry = geometry_of(n, face.coefficients);
  face.logits = hiding_extractor(n.hiding_extractor, through(channel, face.image), n.config);
  return face;
}

}  // namespace

TrainingNetworks::TrainingNetworks(Graph& graph, ModelConfig model, FaceModel mesh)
    : config(std::move(model)),
      face_model(std::move(mesh)),
      generator(Scope(graph, "generator").in_training()),
      style_mlp(Scope(graph, "style_mlp").in_training()),
      map_2_id(Scope(graph, "map_2_id").in_training()),
      hiding_extractor(Scope(graph, "hiding_extractor").in_training()),
      discriminator(Scope(graph, "discriminator").in_training()),
      arcface(Scope(graph, "arcface").frozen()),
      recon(Scope(graph, "recon").frozen()),
      lpips(Scope(graph, "lpips").frozen()),
      face(Scope(graph, "face_model").frozen()) {}

std::vector<Update> TrainingNetworks::updates() const {
  std::vector<Update> all;
  for (const Scope* s : {&generator, &style_mlp, &map_2_id, &hiding_extractor, &discriminator})
    all.insert(all.end(), s->updates().begin(), s->updates().end());
  return all;
}

AnonymizeStage anonymize_stage(const TrainingNetworks& n, const AnonymizeInputs& in, const LossWeights& w) {
  AnonymizeStage stage;
  stage.identity = identity_network(n.arcface, in.image, n.config);
  stage.coefficients = coefficients_of(n, in.image);
  stage.geometry = geometry_of(n, stage.coefficients);
  stage.virtual_identity = map_2_id(n.map_2_id, in.z, n.config);
  const Value shown = in.shown ? in.shown(stage.virtual_identity, stage.identity) : stage.virtual_identity;
  stage.generated = generate(n, in.image, shown, stage.coefficients, in.bits, in.noise, in.channel);

  GeneratedFace& face = stage.generated;
  Losses losses;
  losses.add("diversity", w.diversity, [&] { return diversity(stage.virtual_identity); });
  losses.add("consistency", w.consistency, [&] { return same_identity(shown, face.identity); });
  losses.add("identity", w.identity, [&] { return other_identity(stage.identity, face.identity); });
  if (w.lpips != 0) stage.features = lpips_features(n.lpips, in.image, n.config);
  add_losses_of_picture(losses, n, face, in.image, stage.geometry, stage.features, in.bits, in.augment, w);
  face.losses = std::move(losses.terms);
  face.loss = losses.total;
  return stage;
}

GeneratedFace recover_stage(const TrainingNetworks& n, const RecoverInputs& in, const LossWeights& w) {
  GeneratedFace face = generate(n, in.anonymized, in.identity, in.coefficients, in.bits, in.noise, in.channel);
  Losses losses;
  losses.add("identity", w.recovered, [&] { return same_identity(in.original_identity, face.identity); });
  if (in.hidden_identity)
    losses.add("wrong_key", w.wrong_key, [&] {
      const Value shown = other_identity(in.hidden_identity, face.identity);
      return in.hidden_share ? reshape(in.hidden_share, Shape{}) * shown : shown;
    });
  std::vector<Value> features = in.features;
  if (features.empty() && w.lpips != 0) features = lpips_features(n.lpips, in.image, n.config);
  add_losses_of_picture(losses, n, face, in.image, geometry_of(n, in.original_coefficients), features, in.bits,
                        in.augment, w);
  face.losses = std::move(losses.terms);
  face.loss = losses.total;
  return face;
}

DiscriminateStage discriminate_stage(const TrainingNetworks& n, Value real, Value fake, bool with_r1,
                                     const LossWeights& w) {
  DiscriminateStage stage;
  stage.real_logits = discriminator(n.discriminator, real, n.config);
  stage.fake_logits = discriminator(n.discriminator, fake, n.config);
  stage.real_loss = mean(softplus(-stage.real_logits));
  stage.fake_loss = mean(softplus(stage.fake_logits));
  stage.loss = stage.real_loss + stage.fake_loss;
  if (with_r1) {
    stage.r1 = r1_penalty(stage.real_logits, real);
    stage.loss = stage.loss + w.r1 * stage.r1;
  }
  return stage;
}

bool is_prior(std::string_view name) {
  constexpr std::array<std::string_view, 3> new_parts = {"generator/pyramid.", "generator/fusion_mask.",
                                                         "generator/hiding_injects."};
  return name.starts_with("generator/") &&
         std::none_of(new_parts.begin(), new_parts.end(), [&](std::string_view p) { return name.starts_with(p); });
}

}  // namespace g2face
