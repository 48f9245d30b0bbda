#pragma once
// The three parts of a training step as graph: anonymize, recover, discriminate. What one part takes from another comes
// in as an input, so no gradient flows between them: parts share weights and nothing else, as the authors train.

#include <functional>
#include <string_view>
#include <vector>

#include "g2face/models/face_model.hpp"
#include "g2face/models/generator.hpp"
#include "g2face/train/losses.hpp"

namespace g2face {

/// What each term of the losses (train/losses.hpp) counts. The defaults are the authors'.
struct LossWeights {
  double diversity = 1;     // anonymize: virtual identities among each other
  double consistency = 1;   // anonymize: the picture shows the virtual identity
  double identity = 1;      // anonymize: it does not show the original's
  double recovered = 1;     // recover: it does
  double wrong_key = 1;     // recover: with somebody else's identity it does not
  double shape = 1;         // geometry: of vertices, decimetres
  double landmarks = 0.01;  // pixels of a 224 image
  double colours = 1;       // of vertices by light alone
  double l1 = 1;
  double lpips = 1;
  double adversarial = 1;
  double hiding = 10;
  double r1 = 5;  // not multiplied by the interval between two steps that have it
  bool operator==(const LossWeights&) const = default;
};

/// The networks of one graph. Those that are trained use batch statistics and update the running ones; the others are
/// frozen. Names of parameters are those of a model file.
struct TrainingNetworks {
  /// Without a face model (`mesh` has no vertices) there are no terms of geometry.
  TrainingNetworks(Graph& graph, ModelConfig model, FaceModel mesh = {});

  ModelConfig config;
  FaceModel face_model;
  Scope generator, style_mlp, map_2_id, hiding_extractor, discriminator;
  Scope arcface, recon, lpips, face;

  /// Running statistics that the networks update, for plan().
  std::vector<Update> updates() const;
};

/// A term of a loss, with its weight in it: scalars that add up to the total.
struct LossTerm {
  std::string_view name;  // as in LossWeights
  Value value;
};

/// What a picture is turned into before bits are read from it (noise, rounding, compression), or before the
/// discriminator sees it (augmentation). Empty: it stays as it is.
using Channel = std::function<Value(Value)>;

/// A generated picture, what the networks see in it, and what that costs.
struct GeneratedFace {
  Value styles;        // [N,style_count,style_dim]
  Value image;         // [N,3,R,R]
  Value identity;      // [N,identity_dim] seen in it
  Value coefficients;  // [N,257] seen in it
  FaceGeometry geometry;
  Value logits;  // [N,bit_rows,32] read from it
  std::vector<LossTerm> losses;
  Value loss;
};

struct AnonymizeInputs {
  Value image;  // [N,3,R,R]
  Value z;      // [N,identity_dim], standard normal
  Value bits;   // [N,bit_rows,32] to hide
  GeneratorNoise noise;
  Channel channel, augment = {};
  /// From the virtual identities and the originals' those that the pictures show; empty: the virtual ones.
  std::function<Value(Value virtual_identity, Value identity)> shown = {};
};
struct AnonymizeStage {
  Value identity, coefficients;  // of the original
  FaceGeometry geometry;
  Value virtual_identity;       // [N,identity_dim]
  std::vector<Value> features;  // of the original, for LPIPS; none if that weighs nothing
  GeneratedFace generated;
};
/// Terms: diversity, consistency, identity, shape, landmarks, colours, l1, lpips, adversarial, hiding.
AnonymizeStage anonymize_stage(const TrainingNetworks& networks, const AnonymizeInputs& in, const LossWeights& weights);

struct RecoverInputs {
  Value image;                  // the original, [N,3,R,R]
  Value original_identity;      // [N,identity_dim] that the result has to show
  Value original_coefficients;  // [N,257]
  Value anonymized;             // [N,3,R,R]
  Value identity;               // [N,identity_dim] to recover with: the original's, or as extracted
  Value coefficients;           // [N,257] of the anonymized picture
  Value bits;                   // [N,bit_rows,32] to hide
  GeneratorNoise noise;
  Channel channel, augment = {};
  Value hidden_identity = {};        // [N,identity_dim] that it must not show, rows of zeros for none; if empty, none
  Value hidden_share = {};           // of the weight of wrong_key, [1]; if empty, all of it
  std::vector<Value> features = {};  // of the original, as the anonymizing stage has them; if none, they are computed
};
/// Terms: identity (which weighs `recovered`), wrong_key, shape, landmarks, colours, l1, lpips, adversarial, hiding.
GeneratedFace recover_stage(const TrainingNetworks& networks, const RecoverInputs& in, const LossWeights& weights);

struct DiscriminateStage {
  Value real_logits, fake_logits;  // [N,1]
  Value real_loss, fake_loss;      // their sum is the loss without R1
  Value r1;                        // without its weight; empty if it was not asked for
  Value loss;
};
/// real, fake [N,3,R,R], augmented if they are to be: R1 is of the gradient at the augmented images.
DiscriminateStage discriminate_stage(const TrainingNetworks& networks, Value real, Value fake, bool with_r1,
                                     const LossWeights& weights);

/// Whether a parameter of the generator belongs to the StyleGAN2 part, which begins with pretrained weights and learns
/// at a rate of its own: all but "generator/pyramid.", "generator/fusion_mask." and "generator/hiding_injects.".
bool is_prior(std::string_view name);

}  // namespace g2face
