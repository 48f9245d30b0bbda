#pragma once
// Measures by which results are compared, and the numbers that stand in for results too large to store.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "g2face/tensor.hpp"

namespace g2face::golden {

/// The elements as doubles, whatever the dtype.
std::vector<double> doubles(const Tensor& t);

/// ||got - want|| / ||want||, or ||got|| where want is zero. Elements that are both infinite with the same sign, or
/// both NaN, count as equal; any other non-finite element makes the result NaN.
double relative_l2(const std::vector<double>& got, const std::vector<double>& want);
double max_abs(const std::vector<double>& v);
double max_abs_difference(const std::vector<double>& got, const std::vector<double>& want);
/// The share of elements that are not the same number (NaN is the same as NaN).
double share_of_differences(const std::vector<double>& got, const std::vector<double>& want);

/// Whether `got` may be compared with `want`: the same shape, where a scalar may be [] or all ones.
bool same_shape(const Shape& got, const Shape& want);

/// [ ||T||, sum(T), <T,p0>, .., <T,p3> ] with pj = fill("digest/probe<j>", scale 1).
std::vector<double> digest(const std::vector<double>& t);
/// Elements floor(k n / S) for k = 0 .. S-1, S = min(64, n).
std::vector<double> even_sample(const std::vector<double>& t);

/// The elements at the sample_position() of 0 .. count - 1, zeros where there are no more.
std::vector<double> scattered_sample(const std::vector<double>& t, std::int64_t count);

/// Mean, standard deviation (divisor n), L2 norm, minimum, maximum.
std::array<double, 5> statistics(const std::vector<double>& t);
/// The largest of the five differences: of mean and deviation relative to the root mean square, of the norm relative to
/// itself, of minimum and maximum relative to the largest magnitude.
double statistics_error(const std::array<double, 5>& got, const std::array<double, 5>& want);

}  // namespace g2face::golden
