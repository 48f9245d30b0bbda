#include "io/html_report.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "g2face/fill.hpp"
#include "io/image_codec.hpp"
#include "temporary_folder.hpp"

using namespace g2face;

namespace {

std::size_t count(const std::string& text, const std::string& words) {
  std::size_t n = 0;
  for (std::size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) ++n;
  return n;
}

/// The bytes that base64 text stands for.
std::vector<std::uint8_t> from_base64(const std::string& text) {
  const std::string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<std::uint8_t> bytes;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<std::uint32_t>(letters.find(c));
    held += 6;
    if (held >= 8) bytes.push_back(static_cast<std::uint8_t>(bits >> (held -= 8)));
  }
  return bytes;
}

io::HtmlReport small_report() {
  return {.title = "T",
          .note = "N",
          .pictures = {{fill("picture", {1, 3, 5, 7}), "P"}},
          .columns = {"C"},
          .rows = {{"R", {"1"}}},
          .bars = {.title = "B", .series = {"S"}, .groups = {{"G", {0.25}}, {"H", {-0.5}}}},
          .histogram = {.title = "L", .axis = "A", .series = {{"Z", {0, 1, 2, 2}}, {"Y", {-2}}}}};
}

}  // namespace

TEST_CASE("the page holds pictures, cells and bars, and loads nothing") {
  const std::string page = io::html(small_report());
  CHECK(page.starts_with("<!DOCTYPE html>"));
  const std::string start = "src=\"data:image/png;base64,";
  const std::size_t begin = page.find(start) + start.size();
  const Tensor picture = decode_image(from_base64(page.substr(begin, page.find('"', begin) - begin)), "embedded");
  CHECK(picture.shape() == Shape({1, 3, 5, 7}));
  CHECK(relative_error(picture, fill("picture", {1, 3, 5, 7})) < 0.01);
  CHECK(count(page, "<td>1</td>") == 1);
  CHECK(count(page, "<svg") == 2);
  CHECK(count(page, "<rect") == 2 + 4);  // groups; values that differ
  // Twice as high is twice as long, downwards where negative.
  CHECK(count(page, "height=\"28\"") == 1);
  CHECK(count(page, "height=\"56\"") == 1);
  for (const char* outside : {"http:", "https:", "<script", "<link", "url(", "@import"})
    CHECK(count(page, outside) == 0);
}

TEST_CASE("no text of a report becomes markup") {
  const std::string evil = "<b>\"x\" & 'y'\x01";
  io::HtmlReport r = small_report();
  r.title = r.note = r.pictures[0].caption = r.columns[0] = r.rows[0].first = r.rows[0].second[0] = evil;
  r.bars.title = r.bars.series[0] = r.bars.groups[0].first = evil;
  r.histogram.title = r.histogram.axis = r.histogram.series[0].first = evil;
  const std::string page = io::html(r);
  CHECK(count(page, "<b>") == 0);
  CHECK(count(page, "\x01") == 0);
  CHECK(count(page, "&lt;b&gt;&quot;x&quot; &amp; &#39;y&#39;?") == 14);
}

TEST_CASE("plots of nothing and of numbers that are none") {
  io::HtmlReport r = small_report();
  r.bars.groups = {{"G", {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}}};
  r.histogram.series = {{"Z", {}}, {"Y", {std::numeric_limits<float>::infinity()}}};
  std::string page = io::html(r);
  CHECK(count(page, "<rect") == 0);
  CHECK(count(page, "nan") == 0);
  CHECK(count(page, "inf") == 0);
  r.bars = {};
  r.histogram.series = {{"Z", {3, 3}}};  // one value
  page = io::html(r);
  CHECK(count(page, "<rect") == 1);
  CHECK(count(page, "nan") == 0);
}

TEST_CASE("a page is written whole or not at all") {
  const test::TemporaryFolder folder;
  io::save_html(folder / "r.html", small_report());
  CHECK(folder.file_count() == 1);
  io::HtmlReport r = small_report();
  r.pictures[0].image.mutable_as<float>()[3] = std::numeric_limits<float>::quiet_NaN();
  CHECK(test::message_of<ImageError>([&] { io::save_html(folder / "bad.html", r); }).find("NaN") != std::string::npos);
  CHECK(test::message_of<ImageError>([&] { io::save_html(folder.path(), small_report()); }).find("is a folder") !=
        std::string::npos);
  CHECK(folder.file_count() == 1);
}
