#include "g2face/train/dataset.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <atomic>
#include <cstring>
#include <mutex>

#include "g2face/fill.hpp"
#include "g2face/image.hpp"
#include "g2face/train/sampler.hpp"
#include "io/child_process.hpp"
#include "io/temporary_folder.hpp"

using namespace g2face;
using test::message_of;
using test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

std::string name_of(int i) { return str(i < 10 ? "0" : "", i, i % 3 == 0 ? ".jpg" : ".png"); }

/// Images 00.jpg, 01.png ... of 12 x 8 pixels, all different.
void write_images(const fs::path& folder, int n) {
  fs::create_directories(folder);
  for (int i = 0; i < n; ++i)
    save_image((folder / name_of(i)).string(), g2face::fill(str("image ", i), {1, 3, 8, 12}, 0.9));
}

void write_text(const fs::path& path, const std::string& text) {
  test::write_bytes(path, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

bool same(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() && std::memcmp(a.data(), b.data(), a.bytes()) == 0;
}

/// What the definition says image `index` of `names` is.
Tensor expected(const fs::path& file, std::int64_t size, bool mirrored) {
  Tensor image = crop_resize(load_image(file.string()), {0, 0, 12, 8}, size, size);
  if (!mirrored) return image;
  Tensor turned(image.type());
  for (std::int64_t i = 0; i < image.numel(); ++i) {
    turned.mutable_as<float>()[static_cast<std::size_t>(i)] =
        image.as<float>()[static_cast<std::size_t>(i / size * size + size - 1 - i % size)];
  }
  return turned;
}

/// Image i of a batch.
Tensor part(const Tensor& batch, std::int64_t i) {
  const std::int64_t size = batch.numel() / batch.shape()[0];
  const auto values = batch.as<float>().subspan(static_cast<std::size_t>(i * size), static_cast<std::size_t>(size));
  return Tensor::from({1, 3, batch.shape()[2], batch.shape()[3]}, values);
}

std::string refusal(const fs::path& path) {
  return message_of<ImageError>([&] { Dataset data(path.string(), {.size = 4}); });
}

}  // namespace

TEST_CASE("dataset: batches are the images that the sampler picks, resized and mirrored") {
  const TemporaryFolder folder;
  write_images(folder.path(), 11);
  Dataset data(folder.path().string(), {.size = 6, .seed = 5, .ahead = 3});
  CHECK(data.size() == 11);
  Sampler sampler(11, 5, true);
  int mirrored = 0;
  for (std::int64_t start = 0; start < 24; start += 4) {
    const Tensor batch = data.batch(start, 4);
    REQUIRE(batch.type() == Type{DType::f32, {4, 3, 6, 6}});
    for (std::int64_t i = 0; i < 4; ++i) {
      const Sampler::Pick pick = sampler.at(start + i);
      mirrored += pick.mirrored;
      CHECK(same(part(batch, i), expected(folder / name_of(static_cast<int>(pick.index)), 6, pick.mirrored)));
    }
  }
  CHECK(mirrored > 0);
  CHECK(mirrored < 24);
  CHECK(data.unreadable() == 0);
}

TEST_CASE("dataset: a batch is a function of its position, for any threads, queue, cache and course before") {
  const TemporaryFolder folder;
  write_images(folder.path(), 7);
  Dataset one(folder.path().string(), {.size = 5, .seed = 9, .threads = 1, .ahead = 1});
  Dataset many(folder.path().string(), {.size = 5, .seed = 9, .threads = 5, .ahead = 17, .cache_bytes = 300});
  std::vector<Tensor> batches;
  for (std::int64_t i = 0; i < 10; ++i) batches.push_back(one.batch(i * 3, 3));
  for (const std::int64_t i : {0, 1, 2, 9, 3, 4, 4, 0, 1, 8}) {
    CHECK(same(many.batch(i * 3, 3), batches[static_cast<std::size_t>(i)]));
  }
  CHECK(same(one.batch(6, 3), batches[2]));
  CHECK(same(part(many.batch(5, 2), 1), part(batches[2], 0)));
}

TEST_CASE("dataset: ranks share a global batch") {
  const TemporaryFolder folder;
  write_images(folder.path(), 9);
  const auto open = [&] { return Dataset(folder.path().string(), {.size = 4, .seed = 2, .ahead = 5}); };
  Dataset alone = open();
  for (const int ranks : {1, 2, 3, 6}) {
    std::vector<Dataset> data;
    for (int r = 0; r < ranks; ++r) data.push_back(open());
    for (std::int64_t start = 0; start < 24; start += 6) {
      const Tensor whole = alone.batch(start, 6);
      for (int r = 0; r < ranks; ++r) {
        const Tensor mine = data[static_cast<std::size_t>(r)].batch(start, 6, r, ranks);
        const std::int64_t n = 6 / ranks;
        REQUIRE(mine.shape() == Shape{n, 3, 4, 4});
        for (std::int64_t i = 0; i < n; ++i) CHECK(same(part(mine, i), part(whole, r * n + i)));
      }
    }
  }
  CHECK_THROWS_WITH_AS(alone.batch(0, 6, 0, 4), "dataset: a batch of 6 images, expected a multiple of the 4 ranks",
                       Error);
  CHECK_THROWS_WITH_AS(alone.batch(0, 6, 2, 2), "dataset: rank 2 of 2, expected 0 to ranks - 1", Error);
  CHECK_THROWS_WITH_AS(alone.batch(-6, 6), "dataset: position -6 is before the first, which is 0", Error);
  CHECK_THROWS_WITH_AS(alone.batch(0, 0), "dataset: a batch of 0 images, expected a multiple of the 1 ranks", Error);
}

TEST_CASE("dataset: folders below, lists and links; names alone give the order") {
  const TemporaryFolder folder;
  write_images(folder / "b", 2);
  write_images(folder / "a.d", 1);
  fs::copy(folder / "b/01.png", folder / "B.PNG");
  fs::copy(folder / "b/01.png", folder / ".hidden.png");
  write_text(folder / "notes.txt", "no image");
  write_text(folder / "list.txt", "b/01.png\r\n\n# a comment\nB.PNG\na.d/00.jpg\nb/00.jpg\n");
  const Dataset below(folder.path().string(), {.size = 4});
  CHECK(below.size() == 4);

  // The list names the same files in another order.
  const Dataset listed((folder / "list.txt").string(), {.size = 4});
  CHECK(listed.size() == 4);
  CHECK(listed.fingerprint() != below.fingerprint());
  write_text(folder / "sorted.txt", "B.PNG\na.d/00.jpg\nb/00.jpg\nb/01.png");
  Dataset sorted((folder / "sorted.txt").string(), {.size = 4, .seed = 3});
  CHECK(sorted.fingerprint() == below.fingerprint());
  CHECK(same(sorted.batch(0, 8), Dataset(folder.path().string(), {.size = 4, .seed = 3}).batch(0, 8)));

  // Links: to a folder above and to itself (loops), to one beside (entered once), to an image, and to nothing.
  fs::create_directory_symlink("..", folder / "b/up");
  fs::create_directory_symlink("self", folder / "b/self");
  fs::create_directory_symlink("b", folder / "z");
  CHECK(Dataset(folder.path().string(), {.size = 4}).fingerprint() == below.fingerprint());
  fs::create_symlink("B.PNG", folder / "linked.png");
  CHECK(Dataset(folder.path().string(), {.size = 4}).size() == 5);
  fs::create_symlink("nowhere", folder / "dangling.png");
  Dataset dangling(folder.path().string(), {.size = 4});
  CHECK(dangling.size() == 6);
  dangling.batch(0, 6);
  CHECK(dangling.unreadable() == 1);

  const TemporaryFolder beside;
  fs::create_directory_symlink(folder / "b", beside / "faces");
  CHECK(Dataset((beside / "faces").string(), {.size = 4}).size() == 6);  // two, and by `up` four others
}

TEST_CASE("dataset: an image that cannot be read is reported once, and the next one stands for it") {
  const TemporaryFolder folder;
  write_images(folder.path(), 8);
  write_text(folder / name_of(2), "this is no image");
  fs::resize_file(folder / name_of(3), 100);
  std::vector<std::string> reports;
  std::mutex mutex;
  const auto report = [&](const std::string& line) {
    const std::lock_guard lock(mutex);
    reports.push_back(line);
  };
  Dataset data(folder.path().string(), {.size = 6, .seed = 1, .threads = 3, .report = report});
  Sampler sampler(8, 1, true);
  for (std::int64_t start = 0; start < 24; start += 8) {
    const Tensor batch = data.batch(start, 8);
    for (std::int64_t i = 0; i < 8; ++i) {
      Sampler::Pick pick = sampler.at(start + i);
      if (pick.index == 2 || pick.index == 3) pick.index = 4;
      CHECK(same(part(batch, i), expected(folder / name_of(static_cast<int>(pick.index)), 6, pick.mirrored)));
    }
  }
  CHECK(data.unreadable() == 2);
  REQUIRE(reports.size() == 2);
  std::sort(reports.begin(), reports.end());
  CHECK(reports[0].starts_with((folder / "02.png").string() + ": "));
  CHECK(reports[1].starts_with((folder / "03.jpg").string() + ": "));
  CHECK(reports[0].ends_with(": is passed over"));
}

TEST_CASE("dataset: more than 1 % of unreadable images end it") {
  const TemporaryFolder folder;
  write_images(folder.path(), 10);
  for (int i = 0; i < 3; ++i) write_text(folder / name_of(i), "no image");
  {
    Dataset three(folder.path().string(), {.size = 4});
    three.batch(0, 20);
    CHECK(three.unreadable() == 3);
  }
  write_text(folder / name_of(9), "no image");
  Dataset four(folder.path().string(), {.size = 4, .threads = 3});
  const std::string message = message_of<ImageError>([&] { four.batch(0, 20); });
  CAPTURE(message);
  CHECK(message.starts_with(folder.path().string() + ": 4 of its 10 images cannot be read, more than 1 %, the last"));
  CHECK(message.ends_with(": repair or remove them"));

  const TemporaryFolder few;
  for (int i = 0; i < 2; ++i) write_text(few / name_of(i), "no image");
  Dataset none(few.path().string(), {.size = 4});
  CHECK(message_of<ImageError>([&] { none.batch(0, 1); }) ==
        few.path().string() + ": none of its 2 images can be read");
  CHECK_THROWS_AS(none.batch(0, 1), ImageError);  // and again, instead of waiting for ever
}

TEST_CASE("dataset: places without images") {
  const TemporaryFolder folder;
  const std::string here = folder.path().string();
  CHECK(refusal(folder.path()) ==
        here + ": no images in it or below: give a folder of images (PNG or JPEG) or a list of them");
  CHECK(refusal(folder / "none") ==
        here + "/none: cannot open: No such file or directory: give a folder of images or a list of them");
  write_text(folder / "list", "# nothing\n");
  CHECK(refusal(folder / "list") ==
        here + "/list: names no images: give a folder of images (PNG or JPEG) or a list of them");
  write_text(folder / "binary", std::string("one\nt\0wo", 8));
  CHECK(refusal(folder / "binary") ==
        here + "/binary: line 2 is no name of a file: give a folder of images or a list of them");
  CHECK_THROWS_WITH_AS(Dataset(here, {.size = 0}), "dataset: size is 0, expected 1 to 16384", Error);
  CHECK_THROWS_WITH_AS(Dataset(here, {.threads = 0}), "dataset: threads are 0, expected 1 to 1024", Error);
  CHECK_THROWS_WITH_AS(Dataset(here, {.ahead = 0}), "dataset: ahead is 0, expected 1 at least", Error);

  fs::create_directory(folder / "locked");
  ::chmod((folder / "locked").c_str(), 0);
  ::chmod(here.c_str(), 0755);
  const int status = test::status_of_child([&] {
    if (::geteuid() == 0 && ::setuid(65534) != 0) return 98;  // root may read anything
    return refusal(folder.path()) == here +
                                         "/locked: cannot read the folder: Permission denied: make it and the "
                                         "folders below it readable"
               ? 0
               : 1;
  });
  ::chmod((folder / "locked").c_str(), 0755);
  CHECK(status == 0);
}

TEST_CASE("dataset: ends while its threads are at work, and with what a report throws") {
  const TemporaryFolder folder;
  write_images(folder.path(), 5);
  for (int i = 0; i < 20; ++i) {
    Dataset untouched(folder.path().string(), {.size = 4, .threads = 4});
    Dataset busy(folder.path().string(), {.size = 64, .threads = 4, .ahead = 1000});
    busy.batch(i, 1);
    Dataset moved = std::move(busy);
    moved.batch(0, 2);
  }
  write_text(folder / name_of(1), "no image");
  struct Stop {};
  Dataset stops(folder.path().string(), {.size = 4, .report = [](const std::string&) { throw Stop(); }});
  CHECK_THROWS_AS(stops.batch(0, 5), Stop);
  CHECK(stops.batch(0, 5).shape()[0] == 5);  // it was reported
}
