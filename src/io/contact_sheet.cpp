#include "io/contact_sheet.hpp"

#include <algorithm>
#include <array>
#include <vector>

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
#include <stb/stb_easy_font.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

namespace g2face::io {

namespace {

constexpr std::int64_t margin = 8;
constexpr std::int64_t line_height = 12;

/// Draws text with its upper left corner at (x, y): stb_easy_font gives it as axis-parallel rectangles.
void draw_text(Tensor& sheet, std::int64_t x, std::int64_t y, const std::string& text) {
  struct Vertex {
    float x, y, z;
    std::array<unsigned char, 4> colour;
  };
  std::vector<Vertex> vertices(text.size() * 70 + 64);
  std::string copy = text;
  const int quads = stb_easy_font_print(0, 0, copy.data(), nullptr, vertices.data(),
                                        static_cast<int>(vertices.size() * sizeof(Vertex)));
  const std::int64_t height = sheet.shape()[2], width = sheet.shape()[3];
  const auto pixels = sheet.mutable_as<float>();
  for (int q = 0; q < quads; ++q) {
    const Vertex& a = vertices[static_cast<std::size_t>(q) * 4];
    const Vertex& b = vertices[static_cast<std::size_t>(q) * 4 + 2];
    for (std::int64_t i = y + static_cast<std::int64_t>(a.y); i < std::min(height, y + static_cast<std::int64_t>(b.y));
         ++i) {
      for (std::int64_t j = x + static_cast<std::int64_t>(a.x); j < std::min(width, x + static_cast<std::int64_t>(b.x));
           ++j) {
        for (std::int64_t c = 0; c < 3; ++c) pixels[static_cast<std::size_t>((c * height + i) * width + j)] = -1.0F;
      }
    }
  }
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines(1);
  for (const char c : text) {
    if (c == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += c;
    }
  }
  return lines;
}

}  // namespace

Tensor contact_sheet(std::span<const Panel> panels, const std::string& title) {
  check<ShapeError>(!panels.empty(), "contact_sheet: no panels");
  const Shape size = panels[0].image.shape();
  std::size_t caption_lines = 0;
  for (const Panel& p : panels) {
    check<ShapeError>(p.image.shape() == size && size.rank() == 4 && size[0] == 1 && size[1] == 3,
                      "contact_sheet: panels of one size [1,3,H,W] are needed, not ", p.image.shape());
    caption_lines = std::max(caption_lines, lines_of(p.caption).size());
  }
  const std::vector<std::string> title_lines = lines_of(title);
  const auto count = static_cast<std::int64_t>(panels.size());
  const std::int64_t h = size[2], w = size[3];
  const auto text_lines = static_cast<std::int64_t>(caption_lines + title_lines.size());
  const std::int64_t height = h + 4 * margin + text_lines * line_height, width = count * (w + margin) + margin;
  Tensor sheet = Tensor::full({DType::f32, {1, 3, height, width}}, 1);
  const auto to = sheet.mutable_as<float>();
  for (std::int64_t p = 0; p < count; ++p) {
    const Panel& panel = panels[static_cast<std::size_t>(p)];
    const auto from = panel.image.as<float>();
    const std::int64_t left = margin + p * (w + margin);
    for (std::int64_t c = 0; c < 3; ++c) {
      for (std::int64_t i = 0; i < h; ++i) {
        const float* row = &from[static_cast<std::size_t>((c * h + i) * w)];
        std::copy(row, row + w, &to[static_cast<std::size_t>((c * height + margin + i) * width + left)]);
      }
    }
    std::int64_t y = h + 2 * margin;
    for (const std::string& line : lines_of(panel.caption)) {
      draw_text(sheet, left, y, line);
      y += line_height;
    }
  }
  std::int64_t y = h + 3 * margin + static_cast<std::int64_t>(caption_lines) * line_height;
  for (const std::string& line : title_lines) {
    draw_text(sheet, margin, y, line);
    y += line_height;
  }
  return sheet;
}

}  // namespace g2face::io
