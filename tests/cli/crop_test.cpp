// g2face crop: boxes, and faces where landmarks say they are.

#include <algorithm>
#include <cmath>

#include "cli/program.hpp"
#include "g2face/face/warp.hpp"

using namespace g2face;
using namespace g2face::test;

namespace {

const FivePoints five = {{{20.5, 24}, {43, 25.5}, {33, 36}, {23, 46}, {42, 47}}};
const std::string as_text = "20.5,24,43,25.5,33,36,23,46,42,47";
const std::string as_json = "[[20.5, 24], [43, 25.5], [33, 36], [23, 46], [42, 47]]";

/// Levels of an 8-bit image differ by at most this, in -1..1: it was rounded, once.
constexpr double rounded = 1.0 / 255 + 1e-6;

double largest_difference(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  const auto u = a.as<float>(), v = b.as<float>();
  double largest = 0;
  for (std::size_t i = 0; i < u.size(); ++i)
    largest = std::max<double>(largest, std::fabs(std::clamp(u[i], -1.0f, 1.0f) - v[i]));
  return largest;
}

}  // namespace

TEST_CASE("crop --align: what the library cuts, from numbers and from a file") {
  const Place p;
  const Tensor picture = load_image(p.face);
  write_text(p.dir / "five.json", as_json);
  const auto cropped = [&](const std::string& options) {
    const Outcome r = run_program("crop " + p.in("face.png") + " -o " + p.in("out.png") + " " + options);
    CAPTURE(r.text);
    REQUIRE(r.code == 0);
    return load_image(p.dir / "out.png");
  };
  const Tensor arcface = warp(picture, arcface_transform(five), 112, 112);
  CHECK(largest_difference(arcface, cropped("--align arcface --landmarks " + as_text)) < rounded);
  CHECK(largest_difference(arcface, cropped("--align arcface --landmarks " + p.in("five.json"))) < rounded);
  CHECK(largest_difference(warp(picture, ffhq_transform(five, 40), 40, 40, {.border = Border::reflect}),
                           cropped("--align ffhq --size 40 --landmarks " + as_text)) < rounded);
  CHECK(largest_difference(reference_crop(picture, reference_alignment(five, 64, 64)),
                           cropped("--align reference --landmarks " + as_text)) < rounded);
  CHECK(cropped("--align ffhq --landmarks " + as_text).shape() == Shape{1, 3, 256, 256});

  std::string all = "[";
  for (int i = 0; i < 68; ++i) all += str(i ? "," : "", "[", 10 + i * 7 % 40, ",", 12 + i * 11 % 37, "]");
  write_text(p.dir / "all.json", all + "]");
  CHECK(cropped("--align arcface --landmarks " + p.in("all.json")).shape() == Shape{1, 3, 112, 112});
  CHECK(cropped("").shape() == Shape{1, 3, 256, 256});
}

TEST_CASE("crop --align: what is refused, with no file left") {
  const Place p;
  const auto refused = [&](const std::string& options, int code, const char* words) {
    const Outcome r = run_program("crop " + p.in("face.png") + " -o " + p.in("out.png") + " " + options);
    CAPTURE(options);
    CAPTURE(r.text);
    CHECK(r.code == code);
    CHECK(r.one_error());
    CHECK(r.says(words));
    CHECK(!fs::exists(p.dir / "out.png"));
  };
  refused("--align arcface", 2, "--landmarks and --align belong together");
  refused("--landmarks " + as_text, 2, "--landmarks and --align belong together");
  refused("--align nose --landmarks " + as_text, 2, "nose");
  refused("--align ffhq --box 0,0,9,9 --landmarks " + as_text, 2, "--box");
  refused("--align arcface --landmarks 1,2,3", 2, "3 numbers are no pairs");
  refused("--align arcface --landmarks 1,2,3,4", 2, "2 points: give 5");
  refused("--align arcface --landmarks 1,2,3e,4", 2, "'3e' is no number");
  refused("--align arcface --landmarks 5,5,5,5,5,5,5,5,5,5", 2, "all points to start from are (5,5)");
  refused("--align arcface --landmarks 20,24,43,25,33,36,23,46,4200,47", 2, "landmark 4 at (4200,47) is far");

  refused("--align arcface --landmarks " + p.in("missing.json"), 3, "missing.json");
  const std::string file = "--align arcface --landmarks " + p.in("bad.json");
  const auto of_file = [&](const std::string& text, int code, const char* words) {
    write_text(p.dir / "bad.json", text);
    refused(file, code, words);
  };
  for (std::size_t n = 1; n < as_json.size(); n += 9)
    of_file(as_json.substr(0, n), 3, "give landmarks as [[x, y], ...]");
  of_file("{\"x\": 1}", 3, "no list in JSON");
  of_file("[[1, 2], [3]]", 3, "point 1 is no pair");
  of_file("[[1, 2], [3, \"4\"]]", 3, "point 1 is no pair");
  of_file("[[1, 2], [3, [4]]]", 3, "bad.json: no list in JSON");
  of_file(std::string(5000, '['), 3, "no list in JSON");
  of_file("[[1, 1e999]]", 3, "no list in JSON");
  of_file("[[1, 2]]", 2, "1 points: give 5");

  const Outcome r = run_program("crop " + p.in("face.png") + " -o " + p.in("bad.json") + " " + file);
  CHECK(r.code == 2);
  CHECK(r.says("is an input and would be replaced"));
}
