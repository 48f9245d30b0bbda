#pragma once

namespace g2face::test {

/// The sum of each row of x [rows, columns], as every thread of a block sees it, twice: sums [rows, 2, threads].
void row_sums(const float* x, float* sums, int rows, int columns, int threads);

}  // namespace g2face::test
