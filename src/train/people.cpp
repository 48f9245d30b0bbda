#include "g2face/train/people.hpp"

#include <algorithm>
#include <filesystem>
#include <iomanip>
#include <map>

#include "g2face/fill.hpp"
#include "g2face/train/sampler.hpp"
#include "io/image_files.hpp"
#include "io/label_journal.hpp"

namespace g2face {
namespace {

namespace fs = std::filesystem;

/// Numbers people in the order of their labels.
LabelledImages numbered(ImageNames images, const std::vector<std::string>& labels) {
  std::map<std::string, std::int64_t> numbers;
  for (const std::string& label : labels) numbers.emplace(label, 0);
  std::int64_t next = 0;
  for (auto& [label, number] : numbers) number = next++;
  check<ImageError>(next >= 2, images.source, ": names ", next, " people, expected two at least to tell apart");
  std::vector<std::int64_t> who;
  who.reserve(labels.size());
  for (const std::string& label : labels) who.push_back(numbers.at(label));
  return {std::move(images), std::move(who), next};
}

LabelledImages of_synthetic(const std::string& folder, const fs::path& labels) {
  ImageNames images{folder, folder, {}};
  std::vector<std::string> who;
  io::read_labels(labels, [&](const io::LabelLine& line) {
    images.names.push_back(line.file);
    who.push_back(str(line.seed, '/', line.person));
  });
  check<ImageError>(!who.empty(), labels.string(), ": holds no labels: draw the pictures again, or remove the file");
  return numbered(std::move(images), who);
}

LabelledImages of_folders(const std::string& folder) {
  io::ImageList list = io::list_images(folder);
  std::vector<std::string> who;
  for (const std::string& name : list.names) {
    const std::size_t slash = name.find('/');
    check<ImageError>(slash != std::string::npos, (list.root / name).string(),
                      ": lies in no folder of a person: expected PERSON/IMAGE below ", folder);
    who.push_back(name.substr(0, slash));
  }
  return numbered({folder, list.root.string(), std::move(list.names)}, who);
}

LabelledImages of_list(const std::string& file) {
  io::ImageList list = io::list_images(file);
  std::vector<std::string> who;
  for (std::string& line : list.names) {
    const std::size_t tab = line.find('\t');
    check<ImageError>(tab != std::string::npos && tab > 0 && tab + 1 < line.size(), file, ": '", line,
                      "' does not say who that is: expected a path, a tab and a label");
    who.push_back(line.substr(tab + 1));
    line.resize(tab);
  }
  return numbered({file, list.root.string(), std::move(list.names)}, who);
}

/// Those of `all` whose number in `chosen` is not negative, with that as their new one.
LabelledImages only(const LabelledImages& all, const std::vector<std::int64_t>& chosen, std::int64_t people,
                    std::int64_t most_images) {
  LabelledImages some{{all.images.source, all.images.root, {}}, {}, people};
  std::vector<std::int64_t> taken(static_cast<std::size_t>(people), 0);
  for (std::size_t i = 0; i < all.who.size(); ++i) {
    const std::int64_t person = chosen[static_cast<std::size_t>(all.who[i])];
    if (person < 0 || taken[static_cast<std::size_t>(person)]++ >= most_images) continue;
    some.images.names.push_back(all.images.names[i]);
    some.who.push_back(person);
  }
  return some;
}

constexpr std::uint64_t held_out_seed = 0x4e1d;  // any, and always the same

std::pair<LabelledImages, LabelledImages> hold_out_images(const LabelledImages& all, std::int64_t wanted) {
  const auto count = static_cast<std::int64_t>(all.images.names.size());
  check<ImageError>(count > wanted, all.images.source, ": has ", count, " images, of which ", wanted,
                    " are held out: add images or lower \"held_out\"");
  std::vector<bool> apart(static_cast<std::size_t>(count));
  const std::vector<std::int64_t> order = shuffled(count, held_out_seed, 0);
  for (std::int64_t i = 0; i < wanted; ++i) apart[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = true;
  LabelledImages train{{all.images.source, all.images.root, {}}, {}, 0}, held = train;
  for (std::size_t i = 0; i < apart.size(); ++i) (apart[i] ? held : train).images.names.push_back(all.images.names[i]);
  return {std::move(train), std::move(held)};
}

}  // namespace

LabelledImages find_people(const std::string& path) {
  std::error_code none;
  const fs::path labels = fs::path(path) / "labels.jsonl";
  if (fs::exists(labels, none)) return of_synthetic(path, labels);
  return fs::is_directory(path, none) ? of_folders(path) : of_list(path);
}

LabelledImages find_images(const std::string& path) {
  io::ImageList list = io::list_images(path);
  return {{path, list.root.string(), std::move(list.names)}, {}, 0};
}

std::pair<LabelledImages, LabelledImages> hold_out(const LabelledImages& all, const HeldOut& how) {
  if (all.who.empty()) return hold_out_images(all, how.people * how.images);
  check<ImageError>(all.people >= how.people + 2, all.images.source, ": has ", all.people, " people, of whom ",
                    how.people, " are held out, and two at least must be left: add people or lower \"held_out\"");
  const std::vector<std::int64_t> order = shuffled(all.people, held_out_seed, 0);
  std::vector<std::int64_t> train(order.size(), 0), held(order.size(), -1);
  for (std::int64_t i = 0; i < how.people; ++i) {
    const auto person = static_cast<std::size_t>(order[static_cast<std::size_t>(i)]);
    held[person] = i;
    train[person] = -1;
  }
  std::int64_t next = 0;
  for (std::int64_t& person : train)
    if (person == 0) person = next++;
  return {only(all, train, next, static_cast<std::int64_t>(all.who.size())), only(all, held, how.people, how.images)};
}

LabelledBatches::LabelledBatches(LabelledImages images, DatasetOptions options)
    : who_(std::move(images.who)), images_(std::move(images.images), std::move(options)) {}

Batch LabelledBatches::batch(std::int64_t position, std::int64_t global_batch, int rank, int ranks) {
  Batch batch = {{"image", images_.batch(position, global_batch, rank, ranks)}};
  if (who_.empty()) return batch;
  const std::vector<std::int64_t>& picked = images_.picked();
  Tensor labels({DType::i32, {static_cast<std::int64_t>(picked.size())}});
  std::transform(picked.begin(), picked.end(), labels.mutable_as<std::int32_t>().begin(),
                 [&](std::int64_t image) { return static_cast<std::int32_t>(who_[static_cast<std::size_t>(image)]); });
  batch["label"] = std::move(labels);
  return batch;
}

std::string LabelledBatches::fingerprint() const {
  std::string all;
  for (const std::int64_t person : who_) all += str(person, '\n');
  return str(images_.fingerprint(), '-', std::hex, std::setfill('0'), std::setw(16), fnv1a(all));
}

Gallery load_gallery(const LabelledImages& images, DatasetOptions options) {
  Gallery gallery;
  if (images.images.names.empty()) return gallery;
  options.flip = false;
  Dataset files(images.images, std::move(options));
  gallery.images = files.batch(0, files.size());
  gallery.number = files.picked();
  if (images.who.empty()) return gallery;
  for (const std::int64_t image : gallery.number) gallery.who.push_back(images.who[static_cast<std::size_t>(image)]);
  return gallery;
}

}  // namespace g2face
