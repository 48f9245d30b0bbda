#include "g2face/train/people.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "g2face/fill.hpp"
#include "g2face/image.hpp"
#include "io/temporary_folder.hpp"

using namespace g2face;
namespace fs = std::filesystem;

namespace {

void write_image(const fs::path& file, double level) {
  fs::create_directories(file.parent_path());
  save_image(file.string(), Tensor::full({DType::f32, {1, 3, 4, 4}}, level));
}

void write_text(const fs::path& file, const std::string& text) { std::ofstream(file, std::ios::binary) << text; }

std::string label(const std::string& file, int seed, int person) {
  return str(R"({"file": ")", file, R"(", "seed": )", seed, R"(, "picture": 0, "person": )", person,
             R"(, "size": 4, "more": [1]})", "\n");
}

}  // namespace

TEST_CASE("people: a folder for each, a list with labels, and what synth writes") {
  const test::TemporaryFolder place;
  const fs::path dir = place.path();
  write_image(dir / "folders/bob/a/1.png", 0);
  write_image(dir / "folders/bob/2.png", 0);
  write_image(dir / "folders/alice/1.png", 0);
  const LabelledImages folders = find_people((dir / "folders").string());
  CHECK(folders.images.names == std::vector<std::string>{"alice/1.png", "bob/2.png", "bob/a/1.png"});
  CHECK(folders.who == std::vector<std::int64_t>{0, 1, 1});
  CHECK(folders.people == 2);

  write_text(dir / "list.txt", "# comment\nx y.png\tzoe\n\nb.png\tann lee\r\nc.png\tzoe\n");
  const LabelledImages list = find_people((dir / "list.txt").string());
  CHECK(list.images.names == std::vector<std::string>{"x y.png", "b.png", "c.png"});
  CHECK(list.who == std::vector<std::int64_t>{1, 0, 1});

  fs::create_directory(dir / "synth");
  write_text(dir / "synth/labels.jsonl", label("0.png", 1, 7) + label("1.png", 2, 7) + label("2.png", 1, 7));
  const LabelledImages synth = find_people((dir / "synth").string());
  CHECK(synth.who == std::vector<std::int64_t>{0, 1, 0});  // the same number of another seed is somebody else
}

TEST_CASE("people: what does not say who is refused by its line") {
  const test::TemporaryFolder place;
  const fs::path dir = place.path();
  const auto refused = [&](const fs::path& path, const char* words) {
    CAPTURE(path);
    try {
      find_people(path.string());
      FAIL("was accepted");
    } catch (const Error& e) {
      CHECK_MESSAGE(std::string(e.what()).find(words) != std::string::npos, e.what());
      CHECK(std::string(e.what()).find('\n') == std::string::npos);
    }
  };
  write_text(dir / "no_tab.txt", "a.png\tann\nb.png bob\n");
  refused(dir / "no_tab.txt", "'b.png bob' does not say who that is");
  write_text(dir / "no_label.txt", "a.png\tann\nb.png\t\n");
  refused(dir / "no_label.txt", "does not say who");
  write_text(dir / "one.txt", "a.png\tann\nb.png\tann\n");
  refused(dir / "one.txt", "names 1 people, expected two at least");
  refused(dir / "nowhere", "nowhere");
  write_image(dir / "beside/ann/1.png", 0);
  write_image(dir / "beside/2.png", 0);
  refused(dir / "beside", "2.png: lies in no folder of a person");
  fs::create_directory(dir / "synth");
  const std::string good = label("0.png", 1, 7) + label("1.png", 1, 8);
  for (std::size_t cut = 1; cut + 1 < good.size(); cut += 9) {
    write_text(dir / "synth/labels.jsonl", good.substr(0, cut) + "\n");
    const std::size_t line = good.find('\n');
    refused(dir / "synth", cut == line ? "names 1 people" : "labels.jsonl: line");
  }
  write_text(dir / "synth/labels.jsonl", "");
  refused(dir / "synth", "holds no labels");
}

TEST_CASE("people: labels follow the images, also where one cannot be read; ranks share them") {
  const test::TemporaryFolder place;
  const fs::path dir = place.path();
  std::string list;
  for (int i = 0; i < 8; ++i) {
    write_image(dir / str(i, ".png"), i / 8.);
    list += str(i, ".png\tperson ", i, '\n');
  }
  write_text(dir / "3.png", "no image");
  write_text(dir / "list.txt", list);
  const LabelledImages all = find_people((dir / "list.txt").string());
  int reports = 0;
  LabelledBatches source(
      all, {.size = 4, .flip = false, .seed = 3, .threads = 1, .report = [&](const auto&) { ++reports; }});
  const Batch whole = source.batch(0, 8);
  for (std::size_t i = 0; i < 8; ++i) {
    const int person = whole.at("label").as<std::int32_t>()[i];
    CHECK(whole.at("image").as<float>()[48 * i] == doctest::Approx(person / 8.).epsilon(0.02));
    CHECK(person != 3);
  }
  CHECK(reports == 1);
  const Batch part = source.batch(0, 8, 1, 2);
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(part.at("label").as<std::int32_t>()[i] == whole.at("label").as<std::int32_t>()[4 + i]);
  LabelledImages other = all;
  std::swap(other.who[0], other.who[1]);
  CHECK(LabelledBatches(other, {.size = 4}).fingerprint() != source.fingerprint());
}

TEST_CASE("people: those held out are not trained on, and are the same each time") {
  LabelledImages all{{"set", "set", {}}, {}, 10};
  for (int person = 0; person < 10; ++person)
    for (int i = 0; i < 5; ++i) {
      all.images.names.push_back(str(person, '/', i, ".png"));
      all.who.push_back(person);
    }
  const auto [train, held] = hold_out(all, {.people = 3, .images = 2});
  CHECK(train.people == 7);
  CHECK(train.images.names.size() == 35);
  CHECK(held.people == 3);
  CHECK(held.images.names.size() == 6);
  std::set<char> trained, apart;
  for (const std::string& name : train.images.names) trained.insert(name[0]);
  for (const std::string& name : held.images.names) apart.insert(name[0]);
  CHECK(trained.size() == 7);
  CHECK(apart.size() == 3);
  for (const char person : apart) CHECK_FALSE(trained.contains(person));
  CHECK(std::set<std::int64_t>(train.who.begin(), train.who.end()).size() == 7);
  CHECK(*std::max_element(train.who.begin(), train.who.end()) == 6);
  CHECK(hold_out(all, {.people = 3, .images = 2}).second.images.names == held.images.names);
  CHECK_THROWS_AS(hold_out(all, {.people = 9, .images = 1}), ImageError);

  const auto [rest, some] = hold_out({all.images, {}, 0}, {.people = 2, .images = 3});
  CHECK(some.images.names.size() == 6);
  CHECK(rest.images.names.size() == 44);
  CHECK_THROWS_AS(hold_out({all.images, {}, 0}, {.people = 10, .images = 5}), ImageError);
}
