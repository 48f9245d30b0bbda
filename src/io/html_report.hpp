#pragma once
// A page of pictures, figures and plots that stands alone: nothing in it is loaded from elsewhere.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "io/contact_sheet.hpp"

namespace g2face::io {

/// Bars in groups: values[i] of each group belongs to series i.
struct BarPlot {
  std::string title;
  std::vector<std::string> series;
  std::vector<std::pair<std::string, std::vector<double>>> groups;
};

/// How often which value occurs, the series one over the other.
struct Histogram {
  std::string title, axis;
  std::vector<std::pair<std::string, std::vector<float>>> series;
};

struct HtmlReport {
  std::string title, note;
  std::vector<Panel> pictures;  // here of any size
  std::vector<std::string> columns;
  std::vector<std::pair<std::string, std::vector<std::string>>> rows;  // name, and a cell for each column
  BarPlot bars;
  Histogram histogram;  // left out if it has no series
};

/// All texts are escaped: they may hold anything.
std::string html(const HtmlReport& report);

/// Throws ImageError, leaving `path` as it was.
void save_html(const std::filesystem::path& path, const HtmlReport& report);

}  // namespace g2face::io
