// g2face verify: how well did it work?

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <memory>
#include <sstream>

#include "cli/common.hpp"
#include "g2face/eval/metrics.hpp"
#include "g2face/image.hpp"
#include "g2face/version.hpp"
#include "io/contact_sheet.hpp"
#include "io/html_report.hpp"
#include "io/json_text.hpp"

namespace g2face::cli {

namespace {

struct Options {
  CommonOptions common;
  std::string original, anonymized, recovered, model, picture, html, note;
};

struct Figure {
  const char* key;    // in JSON
  const char* label;  // in text and pages
  double value;
  int digits = 3;
  const char* unit = "";
  bool is_share = false;  // 0..1, or a cosine: fit for one plot
};
using Figures = std::vector<Figure>;

/// One image against the original, whose analysis is `a`.
Figures compare(Anonymizer& anonymizer, const Tensor& original, const Analysis& a, const Tensor& image) {
  const Analysis b = anonymizer.analyze(image);
  const auto x = a.coefficients.as<float>(), y = b.coefficients.as<float>();
  double expression = 0, pose = 0;  // the mean over 64 coefficients; the largest of three angles, in degrees
  for (std::size_t i = 80; i < 144; ++i) expression += std::abs(static_cast<double>(x[i] - y[i])) / 64;
  for (std::size_t i = 224; i < 227; ++i) {
    pose = std::max(pose, std::abs(static_cast<double>(x[i] - y[i])) * 180 / 3.14159265358979323846);
  }
  Figures figures = {
      {"identity_similarity", "identity similarity", cosine(a.identity, b.identity), 3, "", true},
      {"mae", "MAE", mean_absolute_error(original, image), 3, "", true},
      {"psnr_db", "PSNR", psnr(original, image), 2, " dB"},
      {"ssim", "SSIM", ssim(original, image), 3, "", true},
      {"expression_difference", "expression difference", expression},
      {"pose_difference_degrees", "pose difference", pose, 2, " degrees"},
  };
  if (anonymizer.has_network("lpips")) {
    figures.push_back({"lpips", "LPIPS", anonymizer.perceptual_distance(original, image).item(), 3, "", true});
  }
  return figures;
}

io::JsonObject to_json(const Figures& figures) {
  io::JsonObject o;
  for (const Figure& f : figures) o.set(f.key, f.value);
  return o;
}

std::string text_of(const Figure& f) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(f.digits) << f.value << f.unit;
  return out.str();
}

/// All that is known in the end.
struct Findings {
  struct Column {
    std::string name;
    Tensor image;
    Figures figures;
  };
  Tensor original;
  std::vector<Column> columns;     // anonymized, recovered
  Figures payload;                 // against the floats of the published method; none where they do not fit
  std::vector<float> zeros, ones;  // logits of the hidden bits by their true value
};

Findings find(Anonymizer& anonymizer, const Options& o) {
  Findings all;
  all.original = load_face(o.original, anonymizer.config());
  const Analysis analysis = anonymizer.analyze(all.original);
  const auto add = [&](const char* name, const std::string& file) {
    const Tensor image = load_face(file, anonymizer.config());
    all.columns.push_back({name, image, compare(anonymizer, all.original, analysis, image)});
  };
  add("anonymized", o.anonymized);
  if (!o.recovered.empty()) add("recovered", o.recovered);

  if (!anonymizer.config().hides_floats()) return all;
  const Tensor logits = anonymizer.read_bits(all.columns[0].image);
  all.payload = {{"bit_error_rate", "bit error rate", bit_error_rate(logits, analysis.bits), 4, "", true},
                 {"payload_margin", "payload margin", payload_margin(logits, analysis.bits)}};
  const auto x = logits.as<float>(), bits = analysis.bits.as<float>();
  for (std::size_t i = 0; i < x.size(); ++i) (bits[i] > 0 ? all.ones : all.zeros).push_back(x[i]);
  return all;
}

void print(const Findings& all) {
  const auto lines = [](const Figures& figures) {
    for (const Figure& f : figures) std::cout << "  " << std::left << std::setw(23) << f.label << text_of(f) << "\n";
  };
  for (const auto& column : all.columns) {
    std::cout << column.name << " against original\n";
    lines(column.figures);
  }
  if (all.payload.empty()) return;
  std::cout
      << "hidden bits in the anonymized image, as the published method's (knowing nothing scores an error rate of "
         "about 0.405, a sealed payload 0.5)\n";
  lines(all.payload);
}

void print_json(const Findings& all) {
  io::JsonObject result;
  for (const auto& column : all.columns) result.set(column.name, to_json(column.figures));
  for (const Figure& f : all.payload) result.set(f.key, f.value);
  std::cout << result.str() << "\n";
}

const Figure& figure(const Figures& figures, std::string_view key) {
  return *std::find_if(figures.begin(), figures.end(), [&](const Figure& f) { return f.key == key; });
}

std::vector<io::Panel> panels(const Findings& all) {
  std::vector<io::Panel> result{{all.original, "original"}};
  for (const auto& [name, image, figures] : all.columns) {
    const bool first = result.size() == 1;
    const bool shows_bits = first && !all.payload.empty();
    result.push_back({image, str(name, "\nidentity similarity ", text_of(figure(figures, "identity_similarity")),
                                 shows_bits ? "\nbit error rate " : "\nPSNR ",
                                 text_of(shows_bits ? all.payload[0] : figure(figures, "psnr_db")))});
  }
  return result;
}

io::HtmlReport page(const Findings& all, const Options& o, const ModelConfig& config) {
  io::HtmlReport report{.title = "g2face verify",
                        .note = o.note,
                        .pictures = panels(all),
                        .columns = {},
                        .rows = {},
                        .bars = {.title = "Figures between 0 and 1", .series = {}, .groups = {}},
                        .histogram = {.title = "Logits of the hidden bits, by their true value",
                                      .axis = "logit: a bit is read as 1 above 0",
                                      .series = {}}};
  if (!all.payload.empty()) report.histogram.series = {{"true 0", all.zeros}, {"true 1", all.ones}};
  for (std::size_t i = 0; i < all.columns[0].figures.size(); ++i) {
    const Figure& f = all.columns[0].figures[i];
    std::vector<std::string> cells;
    std::vector<double> heights;
    for (const auto& column : all.columns) {
      cells.push_back(text_of(column.figures[i]));
      heights.push_back(column.figures[i].value);
    }
    report.rows.emplace_back(f.label, std::move(cells));
    if (f.is_share) report.bars.groups.emplace_back(f.label, std::move(heights));
  }
  for (const Figure& f : all.payload) {
    report.rows.push_back({f.label, {text_of(f)}});
    if (f.is_share) report.bars.groups.push_back({f.label, {f.value}});
  }
  for (const auto& column : all.columns) {
    report.columns.push_back(column.name + " against original");
    report.bars.series.push_back(column.name);
  }
  report.rows.push_back({"files", {o.original + ", " + o.anonymized, o.recovered}});
  report.rows.push_back({"model", {str(config.name, ", ", config.resolution, " px")}});
  report.rows.push_back({"made by", {str("g2face ", version(), " (", revision(), ")")}});
  return report;
}

int run(const Options& o) {
  for (const std::string& output : {o.picture, o.html}) {
    if (!output.empty()) require_new_file(output, {o.original, o.anonymized, o.recovered});
  }
  Anonymizer anonymizer(model_path(o.model).string(), resolve(o.common));
  const Findings all = find(anonymizer, o);
  o.common.json ? print_json(all) : print(all);
  if (!o.picture.empty()) save_image(o.picture, io::contact_sheet(panels(all), o.note));
  if (!o.html.empty()) io::save_html(o.html, page(all, o, anonymizer.config()));
  if (o.common.print_plan) std::cerr << anonymizer.print_plans(true);
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
  command->add_option("--html", o->html, "write one self-contained page with images, figures and plots");
  command->add_option("--note", o->note, "a line of text for the picture and the page");
  add_common_options(*command, o->common);
  command->callback([o, &code] { code = run(*o); });
}

}  // namespace g2face::cli
