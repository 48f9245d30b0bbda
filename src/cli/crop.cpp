// g2face crop: a box of a picture as an aligned crop.

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/common.hpp"
#include "g2face/image.hpp"

namespace g2face::cli {

namespace {

struct Options {
  std::string input, output;
  std::vector<std::int64_t> box;
  std::int64_t size = 256;
};

int run(const Options& o) {
  require_new_file(o.output, {o.input});
  const Tensor image = decode_picture(read_picture(o.input), o.input);
  CropBox box{0, 0, image.shape()[3], image.shape()[2]};
  if (!o.box.empty()) box = {o.box[0], o.box[1], o.box[2], o.box[3]};
  check<UsageError>(box.left >= 0 && box.top >= 0 && box.width > 0 && box.height > 0 &&
                        box.left <= image.shape()[3] - box.width && box.top <= image.shape()[2] - box.height,
                    "--box ", box.left, ",", box.top, ",", box.width, ",", box.height, " does not lie inside ", o.input,
                    ", which is ", image.shape()[3], "x", image.shape()[2]);
  save_image(o.output, crop_resize(image, box, o.size, o.size));
  return exit_code::ok;
}

}  // namespace

void add_crop(CLI::App& app, int& code) {
  CLI::App* command = app.add_subcommand("crop", "Cut a box out of a picture and resize it, as for aligned faces");
  const auto o = std::make_shared<Options>();
  command->add_option("input", o->input, "image")->required();
  command->add_option("-o,--output", o->output, "image to write")->required();
  command->add_option("--box", o->box, "left,top,width,height in pixels (default: all)")->delimiter(',')->expected(4);
  command->add_option("--size", o->size, "height and width of the result")
      ->check(CLI::Range(1, 8192))
      ->capture_default_str();
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
