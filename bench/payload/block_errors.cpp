// g2face_block_errors [BLOCKS [PLOT.svg]]: how often the codes of the sealed payload fail, by the errors of the
// channel. Prints the table of docs/payload.md; a block is a lock and a body, as a 256 px model hides them.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "bench/line_plot.hpp"
#include "payload/frame.hpp"

using namespace g2face::payload;

namespace {

struct Counts {
  int lock = 0, body = 0;  // not read, or read wrong
};

/// `sigma`: of the noise on logits of +-1; 0: bits flipped at the rate `p` and all equally trusted.
Counts run(const Ldpc& lock, const Ldpc& body, double p, double sigma, int blocks) {
  std::mt19937_64 random(7);
  std::bernoulli_distribution flips(p);
  std::normal_distribution<double> noise(0, sigma > 0 ? sigma : 1);
  const auto fails = [&](const Ldpc& code) {
    Bytes data(code.data_bits());
    for (std::uint8_t& b : data) b = random() & 1;
    const Bytes word = code.encode(data);
    std::vector<float> llr(word.size());
    for (std::size_t i = 0; i < word.size(); ++i) {
      const double sent = word[i] != 0 ? -1 : 1;
      llr[i] = static_cast<float>(sigma > 0       ? 2 * (sent + noise(random)) / (sigma * sigma)
                                  : flips(random) ? -4 * sent
                                                  : 4 * sent);
    }
    return code.decode(llr) != data;
  };
  Counts counts;
  for (int i = 0; i < blocks; ++i) {
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

}  // namespace

int main(int argc, char** argv) {
  const int blocks = argc > 1 ? std::atoi(argv[1]) : 1000;
  std::vector<g2face::bench::Panel> panels;
  for (const std::size_t capacity : {std::size_t{16384}, std::size_t{12288}}) {
    const Layout l = layout(capacity, 512, lock_size());
    const Ldpc lock(8 * l.lock_bytes, l.lock_channel), body(8 * l.body_bytes, l.body_channel);
    std::printf("%zu bits, rate %.3f, %d blocks a line\n", capacity, l.rate(), blocks);
    g2face::bench::Panel panel{std::to_string(capacity) + " bits",
                               "channel bits wrong, %",
                               {},
                               {{"hard: % lost", {}}, {"soft: % lost", {}, true}},
                               100,
                               25};
    for (int percent = capacity == 16384 ? 16 : 11; percent <= (capacity == 16384 ? 26 : 21); percent += 2) {
      panel.x.push_back(percent);
      for (const bool soft : {false, true}) {
        const double p = percent / 100.0;
        const Counts c = run(lock, body, p, soft ? sigma_for(p) : 0, blocks);
        std::printf("  %2d %% %s: lock %d, body %d\n", percent, soft ? "soft" : "hard", c.lock, c.body);
        std::fflush(stdout);
        panel.lines[soft ? 1 : 0].y.push_back(100.0 * c.body / blocks);
      }
    }
    panels.push_back(std::move(panel));
  }
  if (argc > 2) g2face::bench::write_svg(argv[2], panels);
}
