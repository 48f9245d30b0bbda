#include <algorithm>

#include "compare.hpp"
#include "g2face/ops.hpp"
#include "g2face/train/augment.hpp"
#include "op_adapters.hpp"

namespace g2face::golden {
namespace {

Tensor pads_of(CaseBuilder& c) {
  const Shape images = c.golden().shape("input.x");
  check<FormatError>(images.rank() == 4, "tensor 'input.x' has shape ", images, ", expected [N,C,H,W]");
  return reflection_pads(c.golden().get("input.G"), images[2], images[3]);
}

Outputs affine_case(CaseBuilder& c) {
  const Tensor pads = pads_of(c);
  Outputs outputs = {{"y", augment_geometry(c.input("x"), c.input("G"), c.graph().constant(pads))}};
  outputs["pad"].tensor = pads;
  return outputs;
}

Outputs colour_case(CaseBuilder& c) { return only(augment_colours(c.input("x"), c.input("C"))); }

Outputs both_case(CaseBuilder& c) {
  return only(augment(c.input("x"), {c.input("G"), c.graph().constant(pads_of(c)), c.input("C")}));
}

/// The recorded draws of a case, in their order: rows of one number for each sample.
class Draws {
 public:
  Draws(const CaseBuilder& c, std::size_t rows) : samples_(static_cast<std::size_t>(c.integer("size"))) {
    for (const std::string& name : c.golden().names("input")) {
      const Tensor t = c.golden().get("input." + name);
      for (const double v : doubles(t)) values_.push_back(v);
    }
    check<FormatError>(values_.size() == rows * samples_, "the draws are ", values_.size(), " numbers, expected ", rows,
                       " for each of ", samples_, " samples");
  }
  std::size_t samples() const { return samples_; }
  double at(std::size_t row, std::size_t sample) const { return values_[row * samples_ + sample]; }

 private:
  std::size_t samples_;
  std::vector<double> values_;
};

template <std::size_t size>
Tensor stacked(const std::vector<std::array<double, size * size>>& matrices) {
  Tensor t({DType::f64, {static_cast<std::int64_t>(matrices.size()), size, size}});
  auto to = t.mutable_as<double>().begin();
  for (const auto& m : matrices) to = std::copy(m.begin(), m.end(), to);
  return t;
}

Outputs sample_affine_case(CaseBuilder& c) {
  const Draws draws(c, 18);
  std::vector<Matrix3> there, back;
  for (std::size_t n = 0; n < draws.samples(); ++n) {
    const auto row = [&](std::size_t i) { return draws.at(i, n); };
    GeometryDraw d{.flip = row(0),
                   .quarter_turns = row(2),
                   .shift_y = row(4),
                   .shift_x = row(5),
                   .scale = row(7),
                   .turn_before = row(9),
                   .stretch = row(11),
                   .turn_after = row(13),
                   .fine_shift_y = row(15),
                   .fine_shift_x = row(16)};
    const std::size_t selects[] = {1, 3, 6, 8, 10, 12, 14, 17};
    for (std::size_t i = 0; i < d.applied.size(); ++i) d.applied[i] = row(selects[i]) != 0;
    there.push_back(geometry_matrix(d, c.integer("height"), c.integer("width")));
    back.push_back(inverse(there.back()));
  }
  Outputs outputs;
  outputs["matrix"].tensor = stacked<3>(there);
  outputs["inverse"].tensor = stacked<3>(back);
  return outputs;
}

Outputs sample_colour_case(CaseBuilder& c) {
  const Draws draws(c, 10);
  std::vector<Matrix4> matrices;
  for (std::size_t n = 0; n < draws.samples(); ++n) {
    const auto row = [&](std::size_t i) { return draws.at(i, n); };
    ColourDraw d{.brightness = row(0), .contrast = row(2), .luma_flip = row(4), .hue = row(6), .saturation = row(8)};
    for (std::size_t i = 0; i < d.applied.size(); ++i) d.applied[i] = row(2 * i + 1) != 0;
    matrices.push_back(colour_matrix(d));
  }
  Outputs outputs;
  outputs["matrix"].tensor = stacked<4>(matrices);
  return outputs;
}

Outputs tune_case(CaseBuilder& c) {
  AdaptiveProbability ada{{.target = c.number("target"),
                           .length = c.number("length"),
                           .every = static_cast<int>(c.integer("update_every"))}};
  const Tensor logits = c.golden().get("input.pred");
  const std::int64_t steps = logits.shape()[0], batch = logits.numel() / std::max<std::int64_t>(1, steps);
  Tensor p({DType::f64, {steps}}), r = p.clone();
  for (std::size_t i = 0; i < static_cast<std::size_t>(steps); ++i) {
    const auto of_step =
        logits.as<float>().subspan(i * static_cast<std::size_t>(batch), static_cast<std::size_t>(batch));
    p.mutable_as<double>()[i] = ada.tune(Tensor::from({batch}, of_step));
    r.mutable_as<double>()[i] = ada.r;
  }
  Outputs outputs;
  outputs["p"].tensor = p;
  outputs["r_t"].tensor = r;
  return outputs;
}

constexpr OpAdapter table[] = {
    {"random_apply_affine with a given matrix", 'o', affine_case},
    {"apply_color", 'o', colour_case},
    {"augment with given (G, C)", 'o', both_case},
    {"sample_affine", 'o', sample_affine_case},
    {"sample_color", 'o', sample_colour_case},
    {"AdaptiveAugment.tune", 'o', tune_case},
};

}  // namespace

std::span<const OpAdapter> augmenting_adapters() { return table; }

}  // namespace g2face::golden
