#pragma once

#include <algorithm>
#include <cstdint>

namespace g2face::cpu {

/// Calls f(part, begin, end) for `threads` contiguous parts of [0, n), each on its own thread. The parts depend on n
/// and threads alone, which is what makes sums reproducible. f must not throw.
template <class F>
void parallel_parts(int threads, std::int64_t n, const F& f) {
  if (threads <= 1 || n < 2) {
    if (n > 0) f(0, std::int64_t{0}, n);
    return;
  }
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int t = 0; t < threads; ++t) {
    const std::int64_t begin = n * t / threads, end = n * (t + 1) / threads;
    if (begin < end) f(t, begin, end);
  }
}

/// The same for f(begin, end), in the calling thread if n is below `grain`. Either one thread or all: a team that
/// changes its size makes OpenMP end and start threads.
template <class F>
void parallel_for(int threads, std::int64_t n, std::int64_t grain, const F& f) {
  parallel_parts(n < grain ? 1 : threads, n, [&f](int, std::int64_t begin, std::int64_t end) { f(begin, end); });
}

}  // namespace g2face::cpu
