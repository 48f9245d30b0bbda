#pragma once
// What is variable about a model: sizes, widths and depths of its networks.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "g2face/nn/resample.hpp"
#include "g2face/parameters.hpp"

namespace g2face {

/// arcface(), an improved residual network, or mobilefacenet().
enum class IdentityNetwork : std::uint8_t { iresnet, mobilefacenet };

/// What follows the convolutions of the pyramid that reads the original: instance norm, as the authors have it, or
/// nothing. The norm takes away how bright and colourful each channel of a photo is, already at the first layer; to
/// learn it again from what padding leaves at the border takes a long training. Without it the convolutions have an
/// equalised learning rate.
enum class EncoderNorm : std::uint8_t { instance, none };

/// A default ModelConfig is the authors' model, "g2face-256".
struct ModelConfig {
  std::string name = "g2face-256";

  /// Height and width of images: a power of two from 16 on.
  std::int64_t resolution = 256;
  /// Channels of the generator and of the discriminator at each resolution 4, 8, ..., `resolution`.
  std::map<std::int64_t, std::int64_t> channels = {{4, 512},  {8, 512},   {16, 512}, {32, 512},
                                                   {64, 512}, {128, 256}, {256, 128}};
  std::int64_t style_dim = 512;
  /// Length of an identity vector, and of the noise that virtual identities are made of.
  std::int64_t identity_dim = 512;

  std::int64_t mlp_depth = 4;
  double mlp_lr_mul = 0.01;
  /// How many styles the low, middle and high branch of the style network serve; they add up to style_count().
  std::array<std::int64_t, 3> style_bands = {6, 6, 2};

  EncoderNorm encoder_norm = EncoderNorm::instance;

  std::int64_t extractor_width = 128;
  std::int64_t extractor_blocks = 3;

  /// Which network says who somebody is. Its parameters are called "arcface/..." whichever it is.
  IdentityNetwork identity_network = IdentityNetwork::iresnet;
  /// The part of an image that it sees. None: identity_square() says which.
  std::optional<ImageSquare> identity_crop;
  std::int64_t arcface_depth = 50;  // of iresnet: 18, 34, 50 or 100
  std::int64_t arcface_width = 64;  // of the first stage; the others have 2, 4 and 8 times as many channels
  std::int64_t arcface_size = 112;  // images of another width are resized to this square; a multiple of 16

  std::int64_t recon_width = 64;  // as arcface_width
  std::array<std::int64_t, 4> recon_blocks = {3, 4, 6, 3};

  std::int64_t lpips_width = 64;  // of the first slice; the others have 2, 4, 8 and 8 times as many channels

  /// Coefficients of the 3D face model that describe identity, expression and rotation, and all that there are.
  static constexpr std::int64_t geometry_dim = 147;
  static constexpr std::int64_t coefficient_count = 257;

  /// Throws ShapeError if there is no such level.
  std::int64_t channels_at(std::int64_t level) const;
  /// Levels of the pyramid: 4, 8, ..., resolution.
  std::int64_t level_count() const;
  /// Styles that the generator takes: two for each level.
  std::int64_t style_count() const { return 2 * level_count(); }
  /// Hidden bits: one for each 2x2 pixels.
  std::int64_t bit_count() const { return resolution * resolution / 4; }
  /// Hidden bits come as [N,bit_rows(),32], as the bits of so many floats.
  std::int64_t bit_rows() const { return bit_count() / 32; }
  /// Whether they are as many as the floats of an identity have, which the published method hides.
  bool hides_floats() const { return bit_rows() == identity_dim; }

  /// `identity_crop`, or else what the identity network expects: iresnet the whole image, as the reference has it;
  /// mobilefacenet what an aligned picture of 112 pixels shows (arcface_template), where the image is framed like those
  /// of FFHQ: the middle of the eyes at half the width and 0.47 of the height, and 128 of its pixels for 141 of the
  /// template's.
  ImageSquare identity_square() const;

  /// Throws CheckpointError naming the first field that no network can be built with.
  void validate() const;

  /// "g2face-256" (81 M parameters in the generator), "g2face-slim-128", "g2face-slim-64" (for tests and small
  /// machines), "g2face-slim-64-mobile" (the same, judged by MobileFaceNet as its authors trained it). Throws
  /// CheckpointError listing the names for any other.
  static ModelConfig preset(std::string_view name);
  static const std::vector<std::string>& preset_names();

  /// One JSON object. Fields that are missing keep their defaults; unknown fields, fields of a wrong type and
  /// configurations that fail validate() throw CheckpointError naming the field.
  static ModelConfig from_json(std::string_view text);
  std::string to_json() const;

  /// From and to the field "architecture" of __metadata__["g2face"] of a model file; other fields there stay as they
  /// are. Reading a file without it gives the default.
  static ModelConfig of(const Parameters& parameters);
  void store(Parameters& parameters) const;

  bool operator==(const ModelConfig&) const = default;
};

}  // namespace g2face
