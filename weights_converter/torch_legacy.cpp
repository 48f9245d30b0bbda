// PyTorch before 1.6: four pickles (a magic number, the version of the format, facts about the machine, the object),
// a fifth with the keys of the storages, and then each of these: the number of its elements as 8 bytes, its elements.
// All of it is little-endian, whatever machine wrote it.

#include <unordered_map>

#include "io/safetensors_header.hpp"
#include "weights_converter/formats.hpp"
#include "weights_converter/torch_file.hpp"

namespace g2face::weights {
namespace {

using pickle::Kind;
using pickle::Pickle;

/// 0x1950a86a20f9469cfc6c, in the binary protocols and in protocol 0.
bool is_magic(const pickle::Value& value) {
  constexpr std::string_view binary("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10),
      digits = "119547037146038801333356";
  return value.kind == Kind::long_integer && (value.text == binary || value.text == digits);
}

class TorchLegacy final : public TorchFile {
 public:
  TorchLegacy(io::MappedFile mapped, const std::string& file) : TorchFile(std::move(mapped), file, "legacy") {
    const Pickle magic = next("magic number");
    check<WeightFileError>(is_magic(magic.at(magic.root)), file,
                           ": is a pickle, but does not begin with PyTorch's magic number: save it with torch.save");
    const Pickle version = next("version");
    const pickle::Value& number = version.at(version.root);
    check<WeightFileError>(number.kind == Kind::integer && number.number == 1001, file,
                           ": the version of PyTorch's old format is ",
                           number.kind == Kind::integer ? str(number.number) : name_of(number.kind), ", expected 1001");
    const Pickle facts = next("facts about the machine");
    check<WeightFileError>(facts.at(facts.root).kind == Kind::dict, file, ": the facts about the machine are no dict");
    const Pickle object = next("object");
    const Pickle keys = next("keys of the storages");
    set_tensors(object, str(file, ": object"), read_storages(object, keys));
    check<WeightFileError>(at_ == mapped_.bytes.size(), file, ": ", mapped_.bytes.size() - at_,
                           " bytes follow the last storage");
  }

 private:
  Pickle next(const char* what) {
    Pickle pickle = pickle::read(mapped_.bytes.subspan(at_), str(path_, ": ", what));
    at_ += pickle.size;
    return pickle;
  }

  std::vector<Storage> read_storages(const Pickle& object, const Pickle& keys) {
    std::unordered_map<std::string_view, std::size_t> by_key;
    for (std::size_t i = 0; i < object.storages.size(); ++i) by_key.emplace(object.storages[i].key, i);
    const pickle::Value& list = keys.at(keys.root);
    check<WeightFileError>(list.kind == Kind::list && list.items.size() == by_key.size(), path_,
                           ": does not list the keys of the ", by_key.size(), " storages of its object");
    std::vector<Storage> storages(object.storages.size());
    for (const pickle::Ref ref : list.items) {
      const pickle::Value& key = keys.at(ref);
      const std::string text = key.kind == Kind::integer ? str(key.number) : std::string(key.text);
      const auto found = by_key.find(text);
      check<WeightFileError>(found != by_key.end(), path_, ": storage ", io::in_quotes(text),
                             " is listed twice, or its object does not name it");
      storages[found->second] = read_storage(object.storages[found->second]);
      by_key.erase(found);
    }
    return storages;
  }

  Storage read_storage(const pickle::Storage& storage) {
    const std::size_t left = mapped_.bytes.size() - at_, element = storage.type ? size_of(*storage.type) : 1;
    const auto elements = static_cast<std::uint64_t>(storage.elements);
    const std::string where = str(path_, ": storage ", io::in_quotes(storage.key));
    check<WeightFileError>(left >= 8, where, ": the file ends before it: is it truncated?");
    const auto stored = number_at<std::uint64_t>(mapped_.bytes, at_);
    check<WeightFileError>(stored == elements, where, ": has ", stored, " elements, expected ", elements);
    check<WeightFileError>(elements <= (left - 8) / element, where, ": ", elements, " elements of ", element,
                           " bytes reach beyond the end of the file: is it truncated?");
    const Bytes bytes = mapped_.bytes.subspan(at_ + 8, static_cast<std::size_t>(elements) * element);
    at_ += 8 + bytes.size();
    return {bytes, nullptr, bytes.size()};
  }

  std::size_t at_ = 0;
};

}  // namespace

std::unique_ptr<WeightFile> open_torch_legacy(io::MappedFile bytes, const std::string& file) {
  return std::make_unique<TorchLegacy>(std::move(bytes), file);
}

}  // namespace g2face::weights
