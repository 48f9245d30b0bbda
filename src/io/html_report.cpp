#include "io/html_report.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <sstream>
#include <string_view>

#include "io/atomic_file.hpp"
#include "io/image_codec.hpp"

namespace g2face::io {

namespace {

constexpr double plot_width = 640, plot_height = 220, left = 44, bottom = 40, top = 12;
constexpr std::size_t bin_count = 48;
constexpr std::array<std::string_view, 3> colours = {"#2b6cb0", "#c05621", "#2f855a"};

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += static_cast<unsigned char>(c) < 0x20 && c != '\n' ? '?' : c;
    }
  }
  return result;
}

std::string base64(std::span<const std::uint8_t> bytes) {
  std::string text(sodium_base64_ENCODED_LEN(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  text.pop_back();  // libsodium ends it with a zero
  return text;
}

std::string_view colour(std::size_t series) { return colours[series % colours.size()]; }

/// A number for an attribute of SVG or a label: three significant digits.
std::string number(double value) {
  std::ostringstream out;
  out.precision(3);
  out << value;
  return out.str();
}

/// From values to a height in the plot.
struct Axis {
  double lowest = 0, highest = 1;
  double y(double value) const { return top + (highest - value) / (highest - lowest) * (plot_height - bottom - top); }
};

void text(std::ostream& out, double x, double y, const char* anchor, std::string_view words) {
  out << "<text x=\"" << x << "\" y=\"" << y << "\" text-anchor=\"" << anchor << "\">" << escaped(words) << "</text>\n";
}

void bar(std::ostream& out, double x, double width, double from, double to, std::size_t series) {
  out << "<rect x=\"" << x << "\" y=\"" << std::min(from, to) << "\" width=\"" << width << "\" height=\""
      << std::abs(from - to) << "\" fill=\"" << colour(series) << "\" fill-opacity=\"0.7\"/>\n";
}

/// The figure with its title, horizontal lines at the values given, and the names of the series.
void begin_plot(std::ostream& out, const std::string& title, const Axis& axis, std::initializer_list<double> lines,
                const std::vector<std::string>& series) {
  out << "<figure>\n<figcaption>" << escaped(title);
  for (std::size_t i = 0; i < series.size(); ++i) {
    out << " <span style=\"color:" << colour(i) << "\">&#9632; " << escaped(series[i]) << "</span>";
  }
  out << "</figcaption>\n<svg viewBox=\"0 0 " << plot_width << " " << plot_height << "\" role=\"img\">\n";
  for (const double value : lines) {
    const double y = axis.y(value);
    out << "<line x1=\"" << left << "\" x2=\"" << plot_width << "\" y1=\"" << y << "\" y2=\"" << y << "\"/>\n";
    text(out, left - 4, y + 4, "end", number(value));
  }
}

constexpr const char* end_plot = "</svg>\n</figure>\n";

void draw(std::ostream& out, const BarPlot& plot) {
  Axis axis;
  for (const auto& [name, values] : plot.groups) {
    for (const double v : values) {
      if (!std::isfinite(v)) continue;
      axis.lowest = std::min(axis.lowest, v);
      axis.highest = std::max(axis.highest, v);
    }
  }
  begin_plot(out, plot.title, axis, {axis.lowest, 0, axis.highest}, plot.series);
  const double step = (plot_width - left) / static_cast<double>(std::max<std::size_t>(plot.groups.size(), 1));
  const double width = 0.8 * step / static_cast<double>(std::max<std::size_t>(plot.series.size(), 1));
  for (std::size_t g = 0; g < plot.groups.size(); ++g) {
    const auto& [name, values] = plot.groups[g];
    const double x = left + (static_cast<double>(g) + 0.1) * step;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (std::isfinite(values[i])) {
        bar(out, x + static_cast<double>(i) * width, width, axis.y(0), axis.y(values[i]), i);
      }
    }
    text(out, x + 0.4 * step, plot_height - bottom + 18, "middle", name);
  }
  out << end_plot;
}

void draw(std::ostream& out, const Histogram& plot) {
  float lowest = std::numeric_limits<float>::max(), highest = std::numeric_limits<float>::lowest();
  for (const auto& [name, values] : plot.series) {
    for (const float v : values) {
      if (!std::isfinite(v)) continue;
      lowest = std::min(lowest, v);
      highest = std::max(highest, v);
    }
  }
  if (lowest > highest) lowest = highest = 0;  // no values
  const double span = highest > lowest ? static_cast<double>(highest) - lowest : 1;
  std::vector<std::array<std::size_t, bin_count>> counts(plot.series.size());
  std::size_t most = 1;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    counts[i].fill(0);
    for (const float v : plot.series[i].second) {
      if (!std::isfinite(v)) continue;
      const auto bin = static_cast<std::size_t>((static_cast<double>(v) - lowest) / span * bin_count);
      most = std::max(most, ++counts[i][std::min(bin, bin_count - 1)]);
    }
  }
  const Axis axis{0, static_cast<double>(most)};
  std::vector<std::string> names;
  for (const auto& [name, values] : plot.series) names.push_back(name);
  begin_plot(out, plot.title, axis, {0, axis.highest}, names);
  const double width = (plot_width - left) / bin_count;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    for (std::size_t b = 0; b < bin_count; ++b) {
      if (counts[i][b] == 0) continue;
      bar(out, left + static_cast<double>(b) * width, width, axis.y(0), axis.y(static_cast<double>(counts[i][b])), i);
    }
  }
  const double y = plot_height - bottom + 18;
  text(out, left, y, "start", number(lowest));
  text(out, (left + plot_width) / 2, y, "middle", plot.axis);
  text(out, plot_width, y, "end", number(highest));
  out << end_plot;
}

// The policy makes browsers enforce that nothing is loaded or run.
constexpr std::string_view head = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<style>
body { font: 15px/1.4 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
figure { display: inline-block; margin: 0 1rem 1rem 0; vertical-align: top; }
figcaption { white-space: pre-line; margin-bottom: 0.3rem; }
img { image-rendering: pixelated; width: 256px; }
svg { width: 640px; max-width: 100%; }
svg text { font: 11px sans-serif; }
svg line { stroke: #ccc; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { border-bottom: 1px solid #ccc; padding: 0.2rem 1rem 0.2rem 0; text-align: left; }
</style>
)";

}  // namespace

std::string html(const HtmlReport& report) {
  std::ostringstream out;
  out << head << "<title>" << escaped(report.title) << "</title>\n</head>\n<body>\n<h1>" << escaped(report.title)
      << "</h1>\n<p>" << escaped(report.note) << "</p>\n";
  for (const Panel& p : report.pictures) {
    out << "<figure>\n<figcaption>" << escaped(p.caption) << "</figcaption>\n<img alt=\"" << escaped(p.caption)
        << "\" src=\"data:image/png;base64," << base64(encode_image(p.image, "picture.png")) << "\">\n</figure>\n";
  }
  out << "<table>\n<tr><th></th>";
  for (const std::string& name : report.columns) out << "<th>" << escaped(name) << "</th>";
  out << "</tr>\n";
  for (const auto& [name, cells] : report.rows) {
    out << "<tr><th>" << escaped(name) << "</th>";
    for (const std::string& cell : cells) out << "<td>" << escaped(cell) << "</td>";
    out << "</tr>\n";
  }
  out << "</table>\n";
  draw(out, report.bars);
  if (!report.histogram.series.empty()) draw(out, report.histogram);
  out << "</body>\n</html>\n";
  return out.str();
}

void save_html(const std::filesystem::path& path, const HtmlReport& report) {
  const std::string page = html(report);
  const std::array parts{std::as_bytes(std::span(page))};
  write_file<ImageError>(path, parts);
}

}  // namespace g2face::io
