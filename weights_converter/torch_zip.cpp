// PyTorch 1.6 and later: a zip archive with a pickle, NAME/data.pkl, and one entry for each storage, NAME/data/KEY.

#include <limits>

#include "io/safetensors_header.hpp"
#include "weights_converter/formats.hpp"
#include "weights_converter/torch_file.hpp"

namespace g2face::weights {
namespace {

class TorchZip final : public TorchFile {
 public:
  TorchZip(io::MappedFile mapped, const std::string& file) : TorchFile(std::move(mapped), file, "zip") {
    archive_.emplace(mapped_, file);
    const std::string_view first = archive_->entries().front().name;
    const std::string root(first.substr(0, first.find('/') + 1));
    for (const ZipEntry& entry : archive_->entries()) {
      check<WeightFileError>(!root.empty() && entry.name.starts_with(root), file, ": ", io::in_quotes(entry.name),
                             " lies outside of the one folder that a file of PyTorch has");
    }
    const ZipEntry* data = archive_->find(root + "data.pkl");
    check<WeightFileError>(data != nullptr, file, ": has no ", io::in_quotes(root + "data.pkl"),
                           ", so it is no file of torch.save");
    read_byte_order(archive_->find(root + "byteorder"));
    const std::vector<std::uint8_t> pickle_bytes = archive_->contents(*data, pickle::most_bytes);
    const std::string where = str(file, ": ", data->name);
    const pickle::Pickle pickle = pickle::read(pickle_bytes, where);
    check<WeightFileError>(pickle.size == pickle_bytes.size(), where, ": ", pickle_bytes.size() - pickle.size,
                           " bytes follow the end of the pickle");
    std::vector<Storage> storages;
    for (const pickle::Storage& storage : pickle.storages) storages.push_back(find(root, storage));
    set_tensors(pickle, where, std::move(storages));
  }

 private:
  void read_byte_order(const ZipEntry* entry) {
    if (entry == nullptr) return;
    const std::vector<std::uint8_t> bytes = archive_->contents(*entry, 64);
    const std::string_view text = text_of(bytes);
    check<WeightFileError>(text == "little" || text == "big", path_, ": ", entry->name, ": is ", io::in_quotes(text),
                           ", expected little or big");
    big_endian_ = text == "big";
  }

  Storage find(const std::string& root, const pickle::Storage& storage) const {
    const std::string name = str(root, "data/", storage.key);
    const ZipEntry* entry = archive_->find(name);
    const auto elements = static_cast<std::uint64_t>(storage.elements);
    const std::size_t element = storage.type ? size_of(*storage.type) : 1;
    // PyTorch of before 2.1 leaves the entry of an empty storage out.
    if (entry == nullptr && elements == 0) return {};
    check<WeightFileError>(entry != nullptr, path_, ": its pickle names the storage ", io::in_quotes(name),
                           ", which the archive does not have");
    check<WeightFileError>(entry->size % element == 0 && entry->size / element == elements, path_, ": ",
                           io::in_quotes(name), ": has ", entry->size, " bytes, expected ", elements, " elements of ",
                           element);
    return {entry->stored, entry->deflated ? entry : nullptr, entry->size};
  }
};

}  // namespace

std::unique_ptr<WeightFile> open_torch_zip(io::MappedFile bytes, const std::string& file) {
  return std::make_unique<TorchZip>(std::move(bytes), file);
}

}  // namespace g2face::weights
