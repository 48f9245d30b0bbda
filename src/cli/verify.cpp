// g2face verify: how well did it work?

#include <CLI/CLI.hpp>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>

#include "cli/common.hpp"
#include "g2face/eval/metrics.hpp"
#include "g2face/image.hpp"
#include "io/contact_sheet.hpp"
#include "io/json_text.hpp"

namespace g2face::cli {

namespace {

struct Options {
  CommonOptions common;
  std::string original, anonymized, recovered, model, picture, note;
};

/// One image against the original.
struct Comparison {
  double similarity = 0;  // cosine of identities
  double mae = 0, psnr = 0, ssim = 0;
  double expression = 0;  // mean absolute difference of the 64 expression coefficients
  double pose = 0;        // largest difference of the three rotation angles, degrees
  std::optional<double> lpips;
};

Comparison compare(Anonymizer& anonymizer, const Tensor& original, const Analysis& a, const Tensor& image) {
  const Analysis b = anonymizer.analyze(image);
  Comparison c;
  c.similarity = cosine(a.identity, b.identity);
  c.mae = mean_absolute_error(original, image);
  c.psnr = psnr(original, image);
  c.ssim = ssim(original, image);
  const auto x = a.coefficients.as<float>(), y = b.coefficients.as<float>();
  for (std::size_t i = 80; i < 144; ++i) c.expression += std::abs(static_cast<double>(x[i] - y[i])) / 64;
  for (std::size_t i = 224; i < 227; ++i) {
    c.pose = std::max(c.pose, std::abs(static_cast<double>(x[i] - y[i])) * 180 / 3.14159265358979323846);
  }
  if (anonymizer.has_network("lpips")) c.lpips = anonymizer.perceptual_distance(original, image).item();
  return c;
}

io::JsonObject to_json(const Comparison& c) {
  io::JsonObject o;
  o.set("identity_similarity", c.similarity).set("mae", c.mae).set("psnr_db", c.psnr).set("ssim", c.ssim);
  o.set("expression_difference", c.expression).set("pose_difference_degrees", c.pose);
  if (c.lpips) o.set("lpips", *c.lpips);
  return o;
}

std::string fixed(double value, int digits = 3) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(digits) << value;
  return out.str();
}

void print(const char* title, const Comparison& c) {
  std::cout << title << "\n  identity similarity   " << fixed(c.similarity) << "\n  MAE                   "
            << fixed(c.mae) << "\n  PSNR                  " << fixed(c.psnr, 2) << " dB\n  SSIM                  "
            << fixed(c.ssim) << "\n";
  if (c.lpips) std::cout << "  LPIPS                 " << fixed(*c.lpips) << "\n";
  std::cout << "  expression difference " << fixed(c.expression) << "\n  pose difference       " << fixed(c.pose, 2)
            << " degrees\n";
}

int run(const Options& o) {
  if (!o.picture.empty()) require_new_file(o.picture, {o.original, o.anonymized, o.recovered});
  Anonymizer anonymizer(model_path(o.model), resolve(o.common));
  const Tensor original = load_face(o.original, anonymizer.config());
  const Tensor anonymized = load_face(o.anonymized, anonymizer.config());
  const Analysis analysis = anonymizer.analyze(original);
  const Comparison away = compare(anonymizer, original, analysis, anonymized);
  const Tensor logits = anonymizer.read_bits(anonymized);
  const double bit_errors = bit_error_rate(logits, analysis.bits);
  std::optional<Comparison> back;
  Tensor recovered;
  if (!o.recovered.empty()) {
    recovered = load_face(o.recovered, anonymizer.config());
    back = compare(anonymizer, original, analysis, recovered);
  }

  if (o.common.json) {
    io::JsonObject result;
    result.set("anonymized", to_json(away)).set("bit_error_rate", bit_errors);
    if (back) result.set("recovered", to_json(*back));
    std::cout << result.str() << "\n";
  } else {
    print("anonymized against original", away);
    std::cout << "  bit error rate        " << fixed(bit_errors, 4) << " (knowing nothing scores about 0.405)\n";
    if (back) print("recovered against original", *back);
  }
  if (!o.picture.empty()) {
    std::vector<io::Panel> panels{{original, "original"},
                                  {anonymized, str("anonymized\nidentity similarity ", fixed(away.similarity),
                                                   "\nbit error rate ", fixed(bit_errors, 4))}};
    if (back) {
      panels.push_back({recovered, str("recovered\nidentity similarity ", fixed(back->similarity), "\nPSNR ",
                                       fixed(back->psnr, 2), " dB")});
    }
    save_image(o.picture, io::contact_sheet(panels, o.note));
  }
  return exit_code::ok;
}

}  // namespace

void add_verify(CLI::App& app, int& code) {
  CLI::App* command = app.add_subcommand("verify", "Measure anonymity, recovery and the hidden bits from saved files");
  const auto o = std::make_shared<Options>();
  command->add_option("original", o->original, "aligned face crop")->required();
  command->add_option("anonymized", o->anonymized, "what 'anonymize' wrote for it")->required();
  command->add_option("recovered", o->recovered, "what 'recover' wrote for that");
  command->add_option("--model", o->model, "model file (or environment G2FACE_MODEL)");
  command->add_option("--picture", o->picture, "write the images side by side with these numbers");
  command->add_option("--note", o->note, "a line of text below the picture");
  add_common_options(*command, o->common);
  command->callback([o, &code] { code = run(*o); });
}

}  // namespace g2face::cli
