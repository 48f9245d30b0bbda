#pragma once
// Small plots of lines as SVG text, side by side.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace g2face::bench {

struct Line {
  std::string name;
  std::vector<double> y;  // one for each x of the panel
  bool dashed = false;
};
struct Panel {
  std::string title, x_name;
  std::vector<double> x;
  std::vector<Line> lines;
  double y_max, y_step;  // the axis begins at 0
};

/// Text with a number of decimals that a reader wants: 0, 0.5, 2.
inline std::string label(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", std::round(100 * v) / 100);
  return text;
}

inline std::string svg(const std::vector<Panel>& panels) {
  constexpr double width = 250, height = 190, left = 36, top = 26, right = 10, bottom = 34;
  const char* const colours[] = {"#1965b0", "#dc050c", "#4eb265"};
  std::string out;
  const auto add = [&out](const char* format, auto... values) {
    char text[512];
    std::snprintf(text, sizeof text, format, values...);
    out += text;
  };
  add("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %g %g' font-family='sans-serif' font-size='10'>\n",
      width * static_cast<double>(panels.size()), height);
  out += "<rect width='100%' height='100%' fill='white'/>\n";
  for (std::size_t p = 0; p < panels.size(); ++p) {
    const Panel& panel = panels[p];
    const double x0 = static_cast<double>(p) * width + left, x1 = static_cast<double>(p + 1) * width - right;
    const double x_max = panel.x.back();
    const auto x_at = [&](double v) { return x0 + (x1 - x0) * v / x_max; };
    const auto y_at = [&](double v) {
      return height - bottom - (height - bottom - top) * std::min(v / panel.y_max, 1.);
    };
    add("<text x='%g' y='14' text-anchor='middle' font-size='11'>%s</text>\n", (x0 + x1) / 2, panel.title.c_str());
    for (double v = 0; v <= panel.y_max + 1e-9; v += panel.y_step) {
      add("<path d='M%.1f %.1fH%.1f' stroke='#ddd'/><text x='%.1f' y='%.1f' text-anchor='end'>%s</text>\n", x0, y_at(v),
          x1, x0 - 4, y_at(v) + 3.5, label(v).c_str());
    }
    for (const double v : panel.x) {
      add("<text x='%.1f' y='%.1f' text-anchor='middle'>%s</text>\n", x_at(v), height - bottom + 13, label(v).c_str());
    }
    add("<text x='%g' y='%g' text-anchor='middle'>%s</text>\n", (x0 + x1) / 2, height - 6, panel.x_name.c_str());
    for (std::size_t l = 0; l < panel.lines.size(); ++l) {
      const Line& line = panel.lines[l];
      const char* colour = colours[l % 3];
      out += "<polyline fill='none' stroke-width='1.5' points='";
      for (std::size_t i = 0; i < panel.x.size(); ++i) add("%.1f,%.1f ", x_at(panel.x[i]), y_at(line.y[i]));
      add("' stroke='%s'%s/>\n", colour, line.dashed ? " stroke-dasharray='4 3'" : "");
      // Names stand where lines do not: at the bottom if these begin high.
      const double first = panel.lines[0].y[0] > panel.y_max / 2
                               ? height - bottom - 12 * static_cast<double>(panel.lines.size()) + 4
                               : top + 9;
      add("<text x='%.1f' y='%.1f' fill='%s'>%s</text>\n", x0 + 6, first + 12 * static_cast<double>(l), colour,
          line.name.c_str());
    }
  }
  return out + "</svg>\n";
}

inline void write_svg(const std::string& path, const std::vector<Panel>& panels) {
  std::ofstream file(path);
  file << svg(panels);
  if (!file.flush()) throw std::runtime_error(path + " cannot be written");
}

}  // namespace g2face::bench
