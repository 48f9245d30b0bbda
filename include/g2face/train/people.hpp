#pragma once
// Images of which somebody says who is in them.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "g2face/train/dataset.hpp"

namespace g2face {

/// Images, and who is in each.
struct LabelledImages {
  ImageNames images;
  std::vector<std::int64_t> who;  // of each image: 0 .. people - 1; empty where nobody says
  std::int64_t people = 0;
};

/// Finds out who is in the images of `path`, in the first of these ways that there is:
/// R1: a folder with a file labels.jsonl, as `g2face synth` writes it: `seed` and `person` of each line say who; images
/// that no line names are left out.
/// R2: any other folder: each folder in it is a person, with all images below it.
/// R3: a file: a path, relative to where the file stands, a tab and a label in each line; empty lines and those that
/// begin with # are left out.
/// People are numbered in the order of the bytes of their labels. Throws ImageError or FileError, "PATH: line N: what",
/// for a line that does not fit, for an image beside the people's folders, and unless there are two people or more.
LabelledImages find_people(const std::string& path);

/// The images of `path` (Dataset's R1), of which nobody says who is in them.
LabelledImages find_images(const std::string& path);

/// What is kept apart, to measure with.
struct HeldOut {
  std::int64_t people = 16;  // 0: none
  std::int64_t images = 4;   // of each that are looked at; without labels, people times as many are held out in all
  bool operator==(const HeldOut&) const = default;
};
/// The images to train with, and those of people held out (with a new numbering each): which ones is a function of the
/// names alone. Throws ImageError if fewer than two people, or no images, are left to train with.
std::pair<LabelledImages, LabelledImages> hold_out(const LabelledImages& all, const HeldOut& how);

/// {"image"}, and {"label"}, i32 [N], where somebody says who is in the images.
class LabelledBatches final : public BatchSource {
 public:
  LabelledBatches(LabelledImages images, DatasetOptions options);
  Batch batch(std::int64_t position, std::int64_t global_batch, int rank = 0, int ranks = 1) override;
  std::int64_t size() const override { return images_.size(); }
  std::string fingerprint() const override;

 private:
  std::vector<std::int64_t> who_;
  Dataset images_;
};

/// Images that are looked at together.
struct Gallery {
  Tensor images;                     // f32 [N,3,R,R], not mirrored; empty if there are none
  std::vector<std::int64_t> who;     // of each; empty where nobody says
  std::vector<std::int64_t> number;  // equal numbers: the same file
};
/// All images. Those that cannot be read are reported, and another stands for them.
Gallery load_gallery(const LabelledImages& images, DatasetOptions options);

}  // namespace g2face
