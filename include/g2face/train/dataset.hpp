#pragma once
// Images for training: found, shuffled, and decoded by threads ahead of use.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "g2face/tensor.hpp"
#include "g2face/train/training.hpp"

namespace g2face {

struct DatasetOptions {
  std::int64_t size = 256;       // height and width of what comes out, pixels
  bool flip = true;              // mirror half of the images, drawn anew in each epoch
  std::uint64_t seed = 0;        // of order and mirroring
  int threads = 2;               // that decode
  std::int64_t ahead = 64;       // images decoded before they are asked for
  std::int64_t cache_bytes = 0;  // resized images, 3 size^2 bytes each, kept for the next epoch
  /// Is told of each image that cannot be read, by one thread at a time, any of them.
  std::function<void(const std::string&)> report = {};
};

/// Files by name.
struct ImageNames {
  std::string source;              // where the names come from, for messages
  std::string root;                // names are relative to it
  std::vector<std::string> names;  // in their order
};

/// The images of a folder, or those that a list names.
///   Dataset faces("ffhq", {.size = 64, .seed = 1});
///   for (std::int64_t shown = 0;; shown += 16) step(faces.batch(shown, 16));
/// R1: a folder is looked through with all folders below it, for names that end in .png, .jpg, .jpeg, .bmp, .tga, .ppm,
/// .pgm or .pnm and do not begin with a dot; links are followed, each folder is entered once; sorted by the bytes of
/// the names. A list has one path a line, relative to where it stands; lines that are empty or begin with # are left
/// out. What a file holds is known by its content.
/// R2: an image is stretched to size x size by Pillow's bilinear filter (crop_resize), as the reference's
/// Resize((size, size)) does with 8-bit RGB, and becomes f32 in -1..1.
/// R3: what a batch holds is a function of the files' names and contents, of the options seed, size and flip, and of
/// the arguments of batch(): not of threads, of ranks, nor of what was asked for before.
/// R4: an image that cannot be read is reported once and counted, and from then on the next one in the order of names
/// stands for it. More than 1 % of them (and more than 3), or no image that can be read, ends it with ImageError.
class Dataset {
 public:
  /// Throws ImageError, "PATH: what: what to do", if there is no such path or no image, or a folder cannot be read;
  /// Error for an option out of range.
  explicit Dataset(const std::string& path, DatasetOptions options = {});
  /// These images, in this order, which R3 and R4 then go by.
  explicit Dataset(ImageNames images, DatasetOptions options = {});
  ~Dataset();
  Dataset(Dataset&&) noexcept;
  Dataset& operator=(Dataset&&) noexcept;

  /// Images position .. position + global_batch - 1 of the endless shuffled order (Sampler), and of these the part of
  /// one of several ranks, which share them equally: f32 [global_batch / ranks, 3, size, size]. The images after them
  /// are decoded while the caller works, so it is fast if the next call asks for the next batch.
  /// For one thread at a time. Throws ImageError (R4), Error for arguments that do not go together.
  Tensor batch(std::int64_t position, std::int64_t global_batch, int rank = 0, int ranks = 1);

  /// Which images the last batch() held: their numbers in the order of names.
  const std::vector<std::int64_t>& picked() const;

  std::int64_t size() const;        // images, with those that cannot be read
  std::int64_t unreadable() const;  // found so far
  /// Of the names in their order: positions mean the same where this is the same. "1024-af63dc4c8601ec8c"
  std::string fingerprint() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// {"image"} of a dataset.
class ImageBatches final : public BatchSource {
 public:
  explicit ImageBatches(Dataset images) : images_(std::move(images)) {}
  Batch batch(std::int64_t position, std::int64_t global_batch, int rank = 0, int ranks = 1) override {
    return {{"image", images_.batch(position, global_batch, rank, ranks)}};
  }
  std::int64_t size() const override { return images_.size(); }
  std::string fingerprint() const override { return images_.fingerprint(); }

 private:
  Dataset images_;
};

}  // namespace g2face
