// The curves of a training, from the log of g2face train --test, as SVG:
//   g2face_train_plot RUN/log.txt curves.svg

#include <cstdio>
#include <exception>
#include <fstream>
#include <map>
#include <string>

#include "bench/line_plot.hpp"

namespace {

using namespace g2face::bench;

/// What the lines "test of step 200: bits wrong 0.01 cosine original-anonymized 0.1 ..." say, by name.
struct Curves {
  std::vector<double> steps;
  std::map<std::string, std::vector<double>> values;
};

Curves read(const std::string& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error(file + ": cannot be read");
  constexpr const char* names[] = {"bits wrong", "cosine original-anonymized", "cosine original-recovered",
                                   "cosine original-wrong key", "psnr recovered"};
  Curves curves;
  for (std::string line; std::getline(in, line);) {
    const std::string head = "test of step ";
    if (line.rfind(head, 0) != 0) continue;
    curves.steps.push_back(std::stod(line.substr(head.size())));
    for (const std::string name : names) {
      const std::size_t at = line.find(name + ' ');
      if (at == std::string::npos) throw std::runtime_error(file + ": a line has no '" + name + "'");
      curves.values[name].push_back(std::stod(line.substr(at + name.size() + 1)));
    }
  }
  if (curves.steps.empty()) throw std::runtime_error(file + ": has no line 'test of step ...': train with --test");
  return curves;
}

void plot(const std::string& log, const std::string& file) {
  Curves c = read(log);
  for (double& share : c.values["bits wrong"]) share *= 100;
  write_svg(file, {{"wrong bits, %", "step", c.steps, {{"hidden bits", c.values["bits wrong"]}}, 2, 0.5},
                   {"cosine with the original",
                    "step",
                    c.steps,
                    {{"anonymized", c.values["cosine original-anonymized"]},
                     {"recovered", c.values["cosine original-recovered"]},
                     {"wrong key", c.values["cosine original-wrong key"], true}},
                    0.8,
                    0.2},
                   {"PSNR of recovered, dB", "step", c.steps, {{"recovered", c.values["psnr recovered"]}}, 25, 5}});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: g2face_train_plot LOG SVG\n");
    return 2;
  }
  try {
    plot(argv[1], argv[2]);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "g2face_train_plot: %s\n", e.what());
    return 3;
  }
}
