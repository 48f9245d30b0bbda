#include "g2face/train/schedule.hpp"

#include <cmath>

#include "g2face/error.hpp"

namespace g2face {

double Schedule::factor(int epoch) const {
  check<Error>(epoch >= (warm_up > 0 ? 0 : 1), "schedule: epoch ", epoch, " is before the first, which is 1");
  if (epoch <= warm_up) return static_cast<double>(epoch) / warm_up;
  return std::pow(gamma, epoch - warm_up - 1);
}

double Schedule::printed_factor(int epoch) const { return epoch > warm_up + 1 ? gamma * factor(epoch) : factor(epoch); }

}  // namespace g2face
