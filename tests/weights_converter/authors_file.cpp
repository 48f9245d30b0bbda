// authors_file OUT [--training]: a G2Face.pth of the size of the authors', as torch.save would write it, with the
// values of the recorded tests; with --training also two Adam states, as their checkpoints have them. For measuring
// g2face-convert (docs/weights.md).

#include <fstream>
#include <iostream>
#include <map>

#include "g2face/models/networks.hpp"
#include "weights_converter/pickle_builder.hpp"

using namespace g2face;
using namespace g2face::test;

namespace {

std::string strided_tensor(const Tensor& t, const std::string& key) {
  std::vector<std::int64_t> shape(t.shape().begin(), t.shape().end()), strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t axis = shape.size(); axis-- > 0; stride *= shape[axis]) strides[axis] = stride;
  const char* type = t.dtype() == DType::i64 ? "LongStorage" : "FloatStorage";
  return pickled::tensor(pickled::storage(type, key, t.numel()), 0, shape, strides);
}

/// Entries of a dictionary for tensors, whose values go into the archive.
std::vector<std::string> entries(const std::map<std::string, Tensor>& tensors, std::vector<std::string>& storages) {
  std::vector<std::string> items;
  for (const auto& [name, tensor] : tensors) {
    const std::string key = std::to_string(storages.size() / 2);
    items.push_back(pickled::text(name));
    items.push_back(strided_tensor(tensor, key));
    storages.push_back(key);
    storages.emplace_back(static_cast<const char*>(tensor.data()), tensor.bytes());
  }
  return items;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: authors_file OUT [--training]\n";
    return 2;
  }
  const std::map<std::string, std::string> networks = {{"generator", "anonymous_net"},
                                                       {"style_mlp", "style_mlp"},
                                                       {"map_2_id", "map_2_id"},
                                                       {"hiding_extractor", "hiding_extractor"},
                                                       {"discriminator", "discriminator"}};
  std::vector<std::string> storages, items;
  for (const auto& [network, key] : networks) {
    std::map<std::string, Tensor> tensors;
    const std::string_view wanted = network;
    for (const auto& [name, tensor] : new_parameters({&wanted, 1}, {}, Fill::reference))
      tensors.emplace(name.substr(network.size() + 1), tensor);
    items.push_back(pickled::text(key));
    items.push_back(pickled::dict(entries(tensors, storages)));
    if (argc < 3) continue;
    items.push_back(pickled::text("optimizer_" + key));
    std::vector<std::string> state = entries(tensors, storages), second = entries(tensors, storages);
    items.push_back(pickled::dict(
        {pickled::text("exp_avg"), pickled::dict(state), pickled::text("exp_avg_sq"), pickled::dict(second)}));
  }
  const std::string file = torch_zip(pickled::dict(items), storages, {.align = 64}, "little", "G2Face");
  std::ofstream out(argv[1], std::ios::binary);
  out.write(file.data(), static_cast<std::streamsize>(file.size()));
  return out.flush() ? 0 : 1;
}
