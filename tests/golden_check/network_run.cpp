#include "network_run.hpp"

#include "g2face/image.hpp"
#include "json_file.hpp"
#include "op_file.hpp"

namespace g2face::golden {
namespace fs = std::filesystem;

Tensor real_image(const NetworkFolders& folders, const fs::path& beside) {
  for (const fs::directory_entry& entry : fs::directory_iterator(beside)) {
    if (entry.path().extension() != ".json") continue;
    const nlohmann::json flow = load_json(entry.path());
    if (flow.is_object() && flow.contains("image") && flow.at("image").is_string())
      return load_image(folders.images / flow.at("image").get<std::string>());
  }
  Tensor found;
  for (const fs::directory_entry& entry : fs::directory_iterator(folders.images)) {
    if (entry.path().extension() != ".png" || entry.path().stem().string().find("full") != std::string::npos) continue;
    const Tensor image = load_image(entry.path());
    if (image.shape() != Shape{1, 3, 256, 256}) continue;
    check<FormatError>(!found, folders.images.string(), ": several pictures of 256x256 could be the real image");
    found = image;
  }
  check<FormatError>(static_cast<bool>(found), folders.images.string(), ": no picture of 256x256 is there");
  return found;
}

Executor prepare(const Graph& graph, const std::vector<Value>& outputs, const Weights& weights,
                 const Arithmetic& arithmetic) {
  PlanOptions options;
  options.device = arithmetic.device;
  options.precision = arithmetic.precision;
  options.threads = arithmetic.threads;
  return Executor(plan(graph, outputs, options), &weights.tensors);
}

void set_inputs(Executor& executor, const NetworkGraph& n, const InputTensors& tensors) {
  for (const auto& [name, value] : n.inputs) executor.set(value, tensors.at(name));
}

}  // namespace g2face::golden
