#include "training_rows.hpp"

#include <algorithm>
#include <cmath>

#include "compare.hpp"
#include "op_file.hpp"

namespace g2face::golden {
namespace {

constexpr double float_rounding = 1.2e-7;

struct Table {
  std::vector<double> all;
  std::size_t columns;
  std::vector<double> row(std::size_t i) const {
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(i * columns);
    return {begin, begin + static_cast<std::ptrdiff_t>(columns)};
  }
};

Table table(const ParameterTables& t, const Parameters& recorded, const std::string& stage, const char* what,
            const char* suffix = "") {
  const std::string name = str(stage, ".", what, ".", t.network, suffix);
  check<FormatError>(recorded.contains(name), "there is no tensor '", name, "'");
  const Tensor& tensor = recorded.at(name);
  check<FormatError>(tensor.shape().rank() >= 1 && tensor.shape()[0] == static_cast<std::int64_t>(t.names.size()), name,
                     " has shape ", tensor.shape(), ", expected ", t.names.size(), " rows");
  return {doubles(tensor), static_cast<std::size_t>(tensor.numel()) / std::max<std::size_t>(1, t.names.size())};
}

double norm_of(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return std::sqrt(sum);
}

std::vector<double> sample_of(const Tensor& t, std::size_t columns) {
  return scattered_sample(doubles(t), static_cast<std::int64_t>(columns));
}

/// Whether the first step's direction is sure: no rounding turns it around.
std::vector<bool> sure(const std::vector<double>& gradient, double share) {
  const double floor = share * max_abs(gradient);
  std::vector<bool> result;
  for (const double g : gradient) result.push_back(std::abs(g) > floor);
  return result;
}

}  // namespace

void compare_gradients(const ParameterTables& t, const Parameters& recorded, const std::vector<Tensor>& gradients,
                       const TrainingLimits& limits, std::vector<Finding>& findings) {
  const Table norms = table(t, recorded, t.stage, "grad_l2"), samples = table(t, recorded, t.stage, "grad_sample");
  const Table floats = table(t, recorded, t.stage, "grad_l2", ".float32");
  for (std::size_t i = 0; i < t.names.size(); ++i) {
    if (t.degenerate[i]) continue;
    const std::string row = str(t.stage, ".", t.network, " ", t.names[i]);
    const double want = norms.all[i], got = norm_of(doubles(gradients[i]));
    const double noise = limits.recorded * std::abs(want - floats.all[i]) / want;
    findings.push_back({row + " gradient", std::abs(got - want) / want, std::max(limits.norm, noise)});
    findings.push_back({row + " gradient sample", relative_l2(sample_of(gradients[i], samples.columns), samples.row(i)),
                        std::max(limits.sample, noise)});
  }
}

void compare_parameters(const ParameterTables& t, const Parameters& recorded, const std::vector<std::string>& earlier,
                        const std::vector<Tensor>& parameters, const std::vector<double>& rates,
                        const TrainingLimits& limits, std::vector<Finding>& findings) {
  const Table want = table(t, recorded, t.stage, "param_sample");
  std::vector<Table> gradients = {table(t, recorded, t.stage, "grad_sample")};
  for (const std::string& stage : earlier) gradients.push_back(table(t, recorded, stage, "grad_sample"));
  for (std::size_t i = 0; i < t.names.size(); ++i) {
    if (t.degenerate[i]) continue;
    const std::vector<double> expected = want.row(i), got = sample_of(parameters[i], want.columns);
    std::vector<bool> certain(expected.size(), true);
    for (const Table& g : gradients) {
      const std::vector<bool> these = sure(g.row(i), limits.sure);
      for (std::size_t k = 0; k < certain.size(); ++k) certain[k] = certain[k] && these[k];
    }
    double worst = 0, worst_of_unsure = 0;
    for (std::size_t k = 0; k < expected.size(); ++k) {
      const double off = std::abs(got[k] - expected[k]) - float_rounding * std::abs(expected[k]);
      double& w = certain[k] ? worst : worst_of_unsure;
      w = std::max(w, off / rates[i]);
    }
    const std::string row = str(t.stage, ".", t.network, " ", t.names[i], " after the step");
    findings.push_back({row, worst, limits.step});
    findings.push_back({row + " (unsure)", worst_of_unsure, 2 * static_cast<double>(gradients.size()) + limits.step});
  }
}

}  // namespace g2face::golden
