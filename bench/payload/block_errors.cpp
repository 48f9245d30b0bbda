// g2face_block_errors [BLOCKS [PLOT.svg]]: how often the codes of the sealed payload fail, by the errors of the
// channel. Prints the tables of docs/payload.md; a block is a lock and a body, as a 256 px model hides them. A line is
// of BLOCKS blocks at 8 %, a third of that elsewhere, or as many as it takes to lose 100 bodies.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <random>

#include "bench/line_plot.hpp"
#include "payload/frame.hpp"

using namespace g2face::payload;

namespace {

struct Counts {
  int blocks = 0, lock = 0, body = 0;  // not read, or read wrong
};

/// `sigma`: of the noise on logits of +-1; 0: bits flipped at the rate `p` and all equally trusted.
Counts run(const Ldpc& lock, const Ldpc& body, double p, double sigma, int blocks) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> noise(0, sigma > 0 ? sigma : 1);
  const auto threshold = static_cast<std::uint64_t>(p * 0x1p53);
  const auto fails = [&](const Ldpc& code) {
    Bytes data(code.data_bits());
    for (std::uint8_t& b : data) b = random() & 1;
    const Bytes word = code.encode(data);
    std::vector<float> llr(word.size());
    for (std::size_t i = 0; i < word.size(); ++i) {
      const double sent = word[i] != 0 ? -1 : 1;
      llr[i] = static_cast<float>(sigma > 0                      ? 2 * (sent + noise(random)) / (sigma * sigma)
                                  : (random() >> 11) < threshold ? -4 * sent
                                                                 : 4 * sent);
    }
    return code.decode(llr) != data;
  };
  Counts counts;
  while (counts.blocks < blocks && counts.body < 100) {
    ++counts.blocks;
    counts.lock += fails(lock) ? 1 : 0;
    counts.body += fails(body) ? 1 : 0;
  }
  return counts;
}

/// The noise with which a hard decision is wrong at the rate p.
double sigma_for(double p) {
  double low = 0.05, high = 10;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(1 / (middle * std::sqrt(2.0))) / 2 < p ? low : high) = middle;
  }
  return low;
}

/// The rate that 19 in 20 such runs would have shown more losses with (Poisson).
double upper_bound(int lost, int blocks) {
  double low = 0, high = 1;
  for (int i = 0; i < 100; ++i) {
    const double rate = (low + high) / 2, mean = rate * blocks;
    double term = std::exp(-mean), sum = term;
    for (int k = 1; k <= lost; ++k) sum += term *= mean / k;
    (sum > 0.05 ? low : high) = rate;
  }
  return high;
}

struct Map {
  std::size_t capacity;
  std::vector<int> percents;
};

/// For each map, the bodies lost in 100 at each of its error rates.
std::vector<std::vector<double>> simulate(const std::vector<Map>& maps, bool soft, int blocks) {
  std::vector<std::vector<double>> lost;
  for (const Map& map : maps) {
    const Layout l = layout(map.capacity, 512, lock_size());
    const Ldpc lock(8 * l.lock_bytes, l.lock_channel), body(8 * l.body_bytes, l.body_channel);
    lost.emplace_back();
    for (const int percent : map.percents) {
      const double p = percent / 100.0;
      const Counts c = run(lock, body, p, soft ? sigma_for(p) : 0, percent == 8 ? blocks : blocks / 3);
      std::printf("%zu bits, %2d %% %s: of %d lock %d (< %.1e), body %d (< %.1e)\n", map.capacity, percent,
                  soft ? "soft" : "hard", c.blocks, c.lock, upper_bound(c.lock, c.blocks), c.body,
                  upper_bound(c.body, c.blocks));
      std::fflush(stdout);
      lost.back().push_back(100.0 * c.body / c.blocks);
    }
  }
  return lost;
}

}  // namespace

int main(int argc, char** argv) {
  const int blocks = argc > 1 ? std::atoi(argv[1]) : 1000;
  const std::vector<Map> maps{{16384, {8, 14, 18, 19, 20, 22, 24, 26}}, {12288, {8, 12, 14, 15, 16, 18, 20, 22}}};
  auto other = std::async(std::launch::async, simulate, maps, true, blocks);
  const auto hard = simulate(maps, false, blocks), soft = other.get();
  if (argc < 3) return 0;
  std::vector<g2face::bench::Panel> panels;
  for (std::size_t i = 0; i < maps.size(); ++i) {
    panels.push_back({std::to_string(maps[i].capacity) + " bits",
                      "channel bits wrong, %",
                      {maps[i].percents.begin(), maps[i].percents.end()},
                      {{"hard: % lost", hard[i]}, {"soft: % lost", soft[i], true}},
                      100,
                      25});
  }
  g2face::bench::write_svg(argv[2], panels);
}
