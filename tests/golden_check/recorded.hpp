#pragma once
// Recorded tensors, each of which has to be asked for once at least: nothing in a file goes unchecked.

#include <set>
#include <string>

#include "g2face/parameters.hpp"
#include "op_file.hpp"

namespace g2face::golden {

class Recorded {
 public:
  explicit Recorded(Parameters tensors) : tensors_(std::move(tensors)) {}

  /// Throws FormatError if there is none of that name.
  const Tensor& want(const std::string& name) {
    check<FormatError>(tensors_.contains(name), "there is no tensor '", name, "'");
    asked_.insert(name);
    return tensors_.at(name);
  }
  const Parameters& all() const { return tensors_; }
  /// Throws FormatError naming the first tensor that nobody asked for.
  void require_all_asked() const {
    for (const auto& [name, unused] : tensors_)
      check<FormatError>(asked_.contains(name), "nothing was computed for ", name);
  }

 private:
  Parameters tensors_;
  std::set<std::string> asked_;
};

}  // namespace g2face::golden
