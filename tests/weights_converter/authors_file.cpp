// authors_file OUT [--training]: a G2Face.pth of the size of the authors', as torch.save would write it, with the
// values of the recorded tests; with --training also two Adam states, as their checkpoints have them. For measuring
// g2face-convert (docs/weights.md).

#include <fstream>
#include <iostream>
#include <map>

#include "g2face/models/networks.hpp"
#include "weights_converter/state_dict.hpp"

using namespace g2face;
using namespace g2face::test;

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
  SavedTensors saved;
  std::vector<std::string> items;
  for (const auto& [network, key] : networks) {
    std::map<std::string, Tensor> tensors;
    const std::string_view wanted = network;
    for (const auto& [name, tensor] : new_parameters({&wanted, 1}, {}, Fill::reference))
      tensors.emplace(name.substr(network.size() + 1), tensor);
    items.push_back(pickled::text(key));
    items.push_back(saved.dict(tensors));
    if (argc < 3) continue;
    items.push_back(pickled::text("optimizer_" + key));
    const std::string first = saved.dict(tensors), second = saved.dict(tensors);
    items.push_back(pickled::dict({pickled::text("exp_avg"), first, pickled::text("exp_avg_sq"), second}));
  }
  const std::string file = torch_zip(pickled::dict(items), saved.storages, {.align = 64}, "little", "G2Face");
  std::ofstream out(argv[1], std::ios::binary);
  out.write(file.data(), static_cast<std::streamsize>(file.size()));
  return out.flush() ? 0 : 1;
}
