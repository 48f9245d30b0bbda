#include "g2face/parameters.hpp"

#include <utility>

namespace g2face {

const Tensor& Parameters::at(std::string_view name) const {
  const auto found = tensors_.find(name);
  check<CheckpointError>(found != tensors_.end(), "there is no parameter '", name, "' among the ", tensors_.size(),
                         " loaded");
  return found->second;
}

Tensor& Parameters::at(std::string_view name) { return const_cast<Tensor&>(std::as_const(*this).at(name)); }

void Parameters::erase(std::string_view name) {
  if (const auto found = tensors_.find(name); found != tensors_.end()) tensors_.erase(found);
}

std::int64_t Parameters::element_count() const {
  std::int64_t count = 0;
  for (const auto& [name, tensor] : tensors_) count += tensor.numel();
  return count;
}

}  // namespace g2face
