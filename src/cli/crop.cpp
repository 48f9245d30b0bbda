// g2face crop: a box of a picture, or the face that landmarks show, as an aligned crop.

#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>
#include <sstream>

#include "cli/common.hpp"
#include "g2face/face/warp.hpp"
#include "io/landmarks.hpp"

namespace g2face::cli {

namespace {

struct Options {
  std::string input, output;
  std::vector<std::int64_t> box;
  std::string landmarks, align;
  std::int64_t size = 0;  // 0: what is usual
};

/// "x0,y0,x1,y1,..." or the name of a file.
std::vector<Point> points_of(const std::string& text) {
  std::vector<Point> points;
  if (text.find_first_not_of("0123456789+-.,eE") != std::string::npos) {
    for (const auto& [x, y] : io::read_landmarks(text)) points.push_back({x, y});
    return points;
  }
  std::vector<double> numbers;
  std::istringstream parts(text);
  for (std::string digits; std::getline(parts, digits, ',');) {
    double number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    check<UsageError>(error == std::errc() && end == digits.data() + digits.size(), "--landmarks: '", digits,
                      "' is no number");
    numbers.push_back(number);
  }
  check<UsageError>(numbers.size() % 2 == 0, "--landmarks: ", numbers.size(), " numbers are no pairs x,y");
  for (std::size_t i = 0; i < numbers.size(); i += 2) points.push_back({numbers[i], numbers[i + 1]});
  return points;
}

Tensor aligned(const Tensor& image, const Options& o) {
  const std::vector<Point> points = points_of(o.landmarks);
  check<UsageError>(points.size() == 5 || points.size() == 68, "--landmarks: ", points.size(),
                    " points: give 5 (eyes, nose, corners of the mouth) or 68");
  const std::int64_t height = image.shape()[2], width = image.shape()[3];
  FivePoints five;
  if (points.size() == 5)
    std::copy(points.begin(), points.end(), five.begin());
  else
    five = o.align == "ffhq" ? ffhq_of_68(points) : five_of_68(points);
  const std::int64_t usual = o.align == "arcface" ? 112 : o.align == "reference" ? 224 : 256;
  const std::int64_t size = o.size > 0 ? o.size : usual;
  try {
    check_points(points, width, height, "landmark");
    if (o.align == "reference") {
      // Another size shows the same part of the face.
      const double rescale = 102.0 * static_cast<double>(size) / 224.0;
      return reference_crop(image, reference_alignment(five, width, height, size, rescale));
    }
    const bool ffhq = o.align == "ffhq";
    const Affine transform = ffhq ? ffhq_transform(five, size) : arcface_transform(five, size);
    return warp(image, transform, size, size, {.border = ffhq ? Border::reflect : Border::constant});
  } catch (const DeviceError&) {
    throw;  // memory
  } catch (const Error& e) {
    throw UsageError(str("--landmarks: ", e.what()));
  }
}

int run(const Options& o) {
  check<UsageError>(o.landmarks.empty() == o.align.empty(), "--landmarks and --align belong together: give both");
  std::vector<std::string> inputs = {o.input};
  if (!o.landmarks.empty()) inputs.push_back(o.landmarks);
  require_new_file(o.output, inputs);
  const Tensor image = decode_picture(read_picture(o.input), o.input);
  if (!o.align.empty()) {
    save_image(o.output, aligned(image, o));
    return exit_code::ok;
  }
  CropBox box{0, 0, image.shape()[3], image.shape()[2]};
  if (!o.box.empty()) box = {o.box[0], o.box[1], o.box[2], o.box[3]};
  check<UsageError>(box.left >= 0 && box.top >= 0 && box.width > 0 && box.height > 0 &&
                        box.left <= image.shape()[3] - box.width && box.top <= image.shape()[2] - box.height,
                    "--box ", box.left, ",", box.top, ",", box.width, ",", box.height, " does not lie inside ", o.input,
                    ", which is ", image.shape()[3], "x", image.shape()[2]);
  const std::int64_t size = o.size > 0 ? o.size : 256;
  save_image(o.output, crop_resize(image, box, size, size));
  return exit_code::ok;
}

}  // namespace

void add_crop(CLI::App& app, int& code) {
  CLI::App* command = app.add_subcommand("crop", "Cut a box or an aligned face out of a picture and resize it");
  const auto o = std::make_shared<Options>();
  command->add_option("input", o->input, "image")->required();
  command->add_option("-o,--output", o->output, "image to write")->required();
  CLI::Option* box = command->add_option("--box", o->box, "left,top,width,height in pixels (default: all)")
                         ->delimiter(',')
                         ->expected(4);
  command
      ->add_option("--landmarks", o->landmarks,
                   "x,y of both eyes, nose and corners of the mouth, or of 68 points: x0,y0,x1,y1,... or a file with "
                   "[[x0, y0], ...]")
      ->excludes(box);
  command->add_option("--align", o->align, "where the landmarks go: arcface, ffhq, reference (the paper's 3D model)")
      ->check(CLI::IsMember({"arcface", "ffhq", "reference"}));
  command
      ->add_option("--size", o->size,
                   "height and width of the result (default: 256, --align arcface 112, --align reference 224)")
      ->check(CLI::Range(1, 8192));
  add_log_options(*command);
  command->callback([o, &code] {
    try {
      code = run(*o);
    } catch (const DeviceError& e) {
      throw DeviceError(message_of(e, o->input));
    }
  });
}

}  // namespace g2face::cli
