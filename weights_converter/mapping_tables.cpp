// The tables. Names on the left are those of the files, dictionaries joined by '/'; names on the right are
// "<network>/<entry>", where entries are called as the reference's modules call them (docs/weights.md).

#include <array>

#include "weights_converter/mapping.hpp"

namespace g2face::weights {
namespace {

using Names = std::string_view;

constexpr Names optimizer = "state of an optimizer", schedule = "state of a learning rate schedule",
                twice = "a second time the same as linK";

// A model of this project, as g2face and g2face-convert write it.
constexpr auto model_marks = std::to_array<Names>({"generator/*", "recon/*", "arcface/*", "lpips/*", "face_model/*"});
constexpr auto model_rules = std::to_array<NameRule>({
    {"generator/*", "generator/*"},
    {"style_mlp/*", "style_mlp/*"},
    {"map_2_id/*", "map_2_id/*"},
    {"hiding_extractor/*", "hiding_extractor/*"},
    {"discriminator/*", "discriminator/*"},
    {"recon/*", "recon/*"},
    {"arcface/*", "arcface/*"},
    {"lpips/lins.*", "lpips/lin*", "", "lpips/lin0.*"},
    {"lpips/lins.*", "", twice},
    {"lpips/*", "lpips/*"},
    {"mapping/*", "mapping/*"},
    {"face_model/*", "face_model/*"},
});

// G2Face.pth, and the checkpoints that its training leaves.
constexpr auto g2face_marks = std::to_array<Names>({"anonymous_net/*", "style_mlp/style_low.*", "map_2_id/map_2_id.*",
                                                    "hiding_extractor/conv1x1_input.*", "discriminator/convs.*"});
constexpr auto g2face_rules = std::to_array<NameRule>({
    {"anonymous_net/*", "generator/*"},
    {"style_mlp/*", "style_mlp/*"},
    {"map_2_id/*", "map_2_id/*"},
    {"hiding_extractor/*", "hiding_extractor/*"},
    {"discriminator/*", "discriminator/*"},
    {"optimizer*", "", optimizer},
    {"scheduler*", "", schedule},
});

// StyleGAN2 as rosinality's port of it saves it. What it learned goes where G2Face takes its prior from.
constexpr Names averaged = "g_ema/*";
constexpr auto stylegan2_marks = std::to_array<Names>({"g_ema/style.*+g_ema/convs.*", "g/style.*+g/convs.*"});
constexpr auto stylegan2_rules = std::to_array<NameRule>({
    {"g_ema/noises.*", "", "a fixed picture of noise: G2Face draws it anew"},
    {"g_ema/style.*", "mapping/style.*"},
    {"g_ema/*", "generator/*"},
    {"g/noises.*", "", "a fixed picture of noise: G2Face draws it anew", averaged},
    {"g/style.*", "mapping/style.*", "", averaged},
    {"g/*", "generator/*", "", averaged},
    {"g/*", "", "not averaged: g_ema is used"},
    {"d/*", "discriminator/*"},
    {"latent_avg", "mapping/w_avg"},
    {"g_optim*", "", optimizer},
    {"d_optim*", "", optimizer},
});

// Deep3DFaceRecon's epoch_20.pth, and the bare network.
constexpr auto recon_marks =
    std::to_array<Names>({"net_recon/*", "backbone.layer1.0.conv1.weight+final_layers.0.weight"});
constexpr auto recon_rules = std::to_array<NameRule>({
    {"net_recon/*", "recon/*"},
    {"backbone.*", "recon/backbone.*"},
    {"final_layers.*", "recon/final_layers.*"},
    {"opt_*", "", optimizer},
    {"sched_*", "", schedule},
});

// The recognisers of insightface's arcface_torch: a bare state dict.
constexpr auto arcface_marks = std::to_array<Names>({"prelu.weight+layer1.0.prelu.weight+fc.weight"});
constexpr auto arcface_rules = std::to_array<NameRule>({{"*", "arcface/*"}});

// MobileFaceNet of foamliu: the other network that says who somebody is.
constexpr auto mobilefacenet_marks = std::to_array<Names>({"dw_conv.depthwise.weight+gdconv.depthwise.weight"});
constexpr auto mobilefacenet_rules = std::to_array<NameRule>({{"*", "arcface/*"}});

// LPIPS v0.1: the whole module, or its linear layers alone, as lpips/weights/v0.1/vgg.pth holds them.
constexpr auto lpips_marks = std::to_array<Names>({"lin0.model.1.weight", "lins.0.model.1.weight"});
constexpr auto lpips_rules = std::to_array<NameRule>({
    {"lins.*", "lpips/lin*", "", "lin0.*"},
    {"lins.*", "", twice},
    {"*", "lpips/*"},
});

// VGG16 of torchvision: LPIPS cuts it into five slices before each pooling, and keeps its numbers.
constexpr auto vgg16_marks = std::to_array<Names>({"features.2.weight+features.28.weight"});
constexpr auto vgg16_rules = std::to_array<NameRule>({
    {"features.0.*", "lpips/net.slice1.0.*"},
    {"features.2.*", "lpips/net.slice1.2.*"},
    {"features.5.*", "lpips/net.slice2.5.*"},
    {"features.7.*", "lpips/net.slice2.7.*"},
    {"features.10.*", "lpips/net.slice3.10.*"},
    {"features.12.*", "lpips/net.slice3.12.*"},
    {"features.14.*", "lpips/net.slice3.14.*"},
    {"features.17.*", "lpips/net.slice4.17.*"},
    {"features.19.*", "lpips/net.slice4.19.*"},
    {"features.21.*", "lpips/net.slice4.21.*"},
    {"features.24.*", "lpips/net.slice5.24.*"},
    {"features.26.*", "lpips/net.slice5.26.*"},
    {"features.28.*", "lpips/net.slice5.28.*"},
    {"features.*", "lpips/net.*"},  // of VGG19, say: the network knows none of these, and says so
    {"classifier.*", "", "LPIPS ends before the classifier"},
});

// 3D face models: BFM_model_front.mat of Deep3DFaceRecon, and the light model of ICT-FaceKit.
// BFM_model_front.mat is made of several files, each of which is known as a part.
constexpr auto bfm_marks = std::to_array<Names>({"meanshape+idBase+exBase", "shapePC+shapeEV+shapeMU", "expPC", "expEV",
                                                 "trimIndex", "idx", "tri+point_buf+keypoints"});
constexpr auto landmark_marks = std::to_array<Names>({"lm"});
constexpr auto landmark_rules = std::to_array<NameRule>({{"lm", "", "alignment has the same points built in"}});
constexpr auto ict_marks = std::to_array<Names>({"neutral+identity+expression"});

constexpr auto tables = std::to_array<Mapping>({
    {"model", "a model of this project", "as it says itself", model_marks, model_rules},
    {"g2face", "the authors' G2Face", "MIT (code); trained on FFHQ, which is CC BY-NC-SA 4.0", g2face_marks,
     g2face_rules, false, PayloadBits::floats},
    {"stylegan2", "StyleGAN2 of rosinality", "MIT and Nvidia Source Code License-NC; data as published",
     stylegan2_marks, stylegan2_rules},
    {"deep3dfacerecon", "the regressor of Deep3DFaceRecon", "MIT (code); fits the Basel Face Model", recon_marks,
     recon_rules},
    {"arcface", "a recogniser of insightface", "weights for non-commercial research", arcface_marks, arcface_rules},
    {"mobilefacenet", "MobileFaceNet of foamliu", "Apache-2.0", mobilefacenet_marks, mobilefacenet_rules},
    {"lpips", "LPIPS", "BSD-2-Clause", lpips_marks, lpips_rules},
    {"vgg16", "VGG16 of torchvision, for LPIPS", "BSD-3-Clause (code); trained on ImageNet", vgg16_marks, vgg16_rules},
    {"bfm",
     "the Basel Face Model of Deep3DFaceRecon",
     "Basel Face Model 2009: non-commercial, not to be passed on",
     bfm_marks,
     {},
     true},
    {"similarity-lm3d", "the mean landmarks of Deep3DFaceRecon", "MIT", landmark_marks, landmark_rules},
    {"ict-facekit", "the light model of ICT-FaceKit", "MIT", ict_marks, {}, true},
});

}  // namespace

std::span<const Mapping> mappings() { return tables; }

}  // namespace g2face::weights
