#pragma once
// What the two formats of PyTorch have in common: tensors are windows into storages that lie in the file.

#include <optional>

#include "io/input_file.hpp"
#include "weights_converter/pickle.hpp"
#include "weights_converter/zip_archive.hpp"

namespace g2face::weights {

class TorchFile : public WeightFile {
 public:
  void read(const StoredTensor& tensor, std::span<std::byte> to) const override;
  std::span<const std::byte> in_place(const StoredTensor& tensor) const override;

 protected:
  struct Storage {
    Bytes bytes;                      // where it lies in the file
    const ZipEntry* entry = nullptr;  // what it has to be unpacked from, if it has
    std::uint64_t size = 0;           // in bytes
  };

  TorchFile(io::MappedFile mapped, const std::string& file, std::string format);
  /// Names the tensors and checks that they lie in the storages, which are those of the pickle in this order.
  void set_tensors(const pickle::Pickle& pickle, const std::string& where, std::vector<Storage> storages);

  io::MappedFile mapped_;
  std::optional<ZipArchive> archive_;  // that the entries are of
  bool big_endian_ = false;

 private:
  std::vector<Storage> storages_;
};

}  // namespace g2face::weights
