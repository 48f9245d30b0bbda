#include "weights_converter/torch_file.hpp"

#include "io/safetensors_header.hpp"
#include "weights_converter/strided.hpp"
#include "weights_converter/torch_tree.hpp"

namespace g2face::weights {

TorchFile::TorchFile(io::MappedFile mapped, const std::string& file, std::string format) : mapped_(std::move(mapped)) {
  path_ = file;
  format_ = std::move(format);
}

void TorchFile::set_tensors(const pickle::Pickle& pickle, const std::string& where, std::vector<Storage> storages) {
  storages_ = std::move(storages);
  tensors_ = named_tensors(pickle, where);
  std::uint64_t content = 0;
  for (const Storage& storage : storages_) content += storage.size;
  for (const StoredTensor& tensor : tensors_) {
    const std::uint64_t elements = storages_[tensor.storage].size / size_of(tensor.type);
    check<WeightFileError>(lies_in(tensor, elements), path_, ": ", io::in_quotes(tensor.name),
                           ": does not lie in its storage ", io::in_quotes(pickle.storages[tensor.storage].key), " of ",
                           elements, " elements");
  }
  check_volume(tensors_, content, path_);
}

void TorchFile::read(const StoredTensor& tensor, std::span<std::byte> to) const {
  check<WeightFileError>(to.size() == tensor.bytes(), path_, ": ", io::in_quotes(tensor.name), ": has ", tensor.bytes(),
                         " bytes, not ", to.size());
  const Storage& storage = storages_.at(tensor.storage);
  if (storage.entry != nullptr) {
    gather(tensor, archive_->contents(*storage.entry, storage.size), big_endian_, to);
    return;
  }
  gather(tensor, storage.bytes, big_endian_, to);
  io::release_pages(mapped_, storage.bytes);
}

std::span<const std::byte> TorchFile::in_place(const StoredTensor& tensor) const {
  const Storage& storage = storages_.at(tensor.storage);
  if (storage.entry != nullptr || !tensor.is_contiguous() || (big_endian_ && size_of(tensor.type) > 1)) return {};
  const std::size_t begin = static_cast<std::size_t>(tensor.storage_offset) * size_of(tensor.type);
  return tensor.elements() == 0 ? std::span<const std::byte>()
                                : std::as_bytes(storage.bytes.subspan(begin, tensor.bytes()));
}

}  // namespace g2face::weights
