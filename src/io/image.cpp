#include "g2face/image.hpp"

#include <array>
#include <cctype>
#include <cmath>
#include <utility>
#include <vector>

#include "io/atomic_file.hpp"
#include "io/image_codec.hpp"
#include "io/input_file.hpp"
#include "io/pixel_values.hpp"

namespace g2face {
namespace {

// Pixel (y, x) of the upright image is pixel start + y * down + x * right of the stored one.
struct Walk {
  std::int64_t height, width;
  std::int64_t start, down, right;
};

Walk upright(int orientation, std::int64_t h, std::int64_t w) {
  const std::int64_t last_row = (h - 1) * w;
  const std::int64_t last_column = w - 1;
  switch (orientation) {
    case 2:
      return {h, w, last_column, w, -1};
    case 3:
      return {h, w, last_row + last_column, -w, -1};
    case 4:
      return {h, w, last_row, -w, 1};
    case 5:
      return {w, h, 0, 1, w};
    case 6:
      return {w, h, last_row, 1, -w};
    case 7:
      return {w, h, last_row + last_column, -1, -w};
    case 8:
      return {w, h, last_column, -1, w};
    default:
      return {h, w, 0, w, 1};
  }
}

template <class T>
Tensor to_tensor(const io::Pixels& pixels, const Walk& walk) {
  std::vector<float> values(static_cast<std::size_t>(pixels.highest) + 1);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(static_cast<double>(i) / (pixels.highest / 2.0) - 1.0);
  }
  const T* data = static_cast<const T*>(pixels.data.get());
  Tensor image({DType::f32, {1, 3, walk.height, walk.width}});
  float* out = image.mutable_as<float>().data();
  for (int c = 0; c < 3; ++c) {
    const T* channel = data + (pixels.channels >= 3 ? c : 0);
    for (std::int64_t y = 0; y < walk.height; ++y) {
      for (std::int64_t x = 0; x < walk.width; ++x) {
        const int sample = channel[pixels.channels * (walk.start + y * walk.down + x * walk.right)];
        *out++ = values[static_cast<std::size_t>(std::min(sample, pixels.highest))];
      }
    }
  }
  return image;
}

using Encoder = std::vector<std::uint8_t> (*)(const io::RgbImage&, const std::string& name);

Encoder encoder_for(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (extension == ".png") return io::encode_png;
  if (extension == ".jpg" || extension == ".jpeg") return io::encode_jpeg;
  if (extension == ".bmp") return io::encode_bmp;
  if (extension == ".ppm") return io::encode_ppm;
  throw ImageError(str(path.string(), ": cannot write: the extension '", extension,
                       "' is not that of an image format: use .png, .jpg, .jpeg, .bmp or .ppm"));
}

}  // namespace

Tensor decode_image(std::span<const std::uint8_t> bytes, const std::string& name, const ImageLimits& limits) {
  check<ImageError>(std::cmp_less_equal(bytes.size(), limits.max_file_bytes), name, ": has ", bytes.size(),
                    " bytes, at most ", limits.max_file_bytes, " are accepted");
  const io::Pixels pixels = io::decode_pixels(bytes, name, limits);
  const Walk walk = upright(pixels.orientation, pixels.height, pixels.width);
  return pixels.highest > 255 ? to_tensor<std::uint16_t>(pixels, walk) : to_tensor<std::uint8_t>(pixels, walk);
}

Tensor load_image(const std::string& path, const ImageLimits& limits) {
  std::vector<std::uint8_t> bytes;
  try {
    bytes = io::read_file(path, static_cast<std::uintmax_t>(std::max<std::int64_t>(limits.max_file_bytes, 0)));
  } catch (const io::FileError& error) {
    throw ImageError(error.what());
  }
  return decode_image(bytes, path, limits);
}

std::vector<std::uint8_t> io::encode_image(const Tensor& image, const std::string& path) {
  const Encoder encode = encoder_for(path);
  check<ImageError>(image && image.dtype() == DType::f32 && image.shape().rank() == 4 && image.shape()[0] == 1 &&
                        image.shape()[1] == 3 && image.numel() > 0,
                    path, ": cannot write: the image is ", image ? image.type().str() : "an empty tensor",
                    ": give f32[1,3,H,W]");
  const std::int64_t height = image.shape()[2];
  const std::int64_t width = image.shape()[3];
  // The encoders count bytes in 31 bits; JPEG itself takes no more than 65500 rows or columns.
  check<ImageError>(std::max(height, width) <= 65500 && height * width <= std::int64_t{1} << 28, path,
                    ": cannot write: ", width, "x", height, " pixels are too many: write a smaller image");

  const std::int64_t plane = height * width;
  const std::span<const float> values = image.as<float>();
  std::vector<std::uint8_t> rgb(values.size());
  for (std::int64_t i = 0; i < plane; ++i) {
    for (std::int64_t c = 0; c < 3; ++c) {
      const float value = values[static_cast<std::size_t>(c * plane + i)];
      check<ImageError>(!std::isnan(value), path, ": cannot write: channel ", c, " is NaN at row ", i / width,
                        ", column ", i % width, ": look for the step that produced it");
      rgb[static_cast<std::size_t>(3 * i + c)] = io::to_level(value);
    }
  }
  return encode({rgb, static_cast<int>(width), static_cast<int>(height)}, path);
}

void save_image(const std::string& path, const Tensor& image) {
  const auto bytes = io::encode_image(image, path);
  const std::array parts{std::as_bytes(std::span(bytes))};
  io::write_file<ImageError>(path, parts);
}

}  // namespace g2face
