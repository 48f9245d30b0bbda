#include "g2face/eval/linkage.hpp"

#include <cmath>
#include <vector>

#include "g2face/eval/metrics.hpp"

namespace g2face {

namespace {

/// P(X >= hits) of a binomial X.
double tail(std::int64_t n, double p, std::int64_t hits) {
  double sum = 0;
  for (std::int64_t k = hits; k <= n; ++k) {
    const auto a = static_cast<double>(n), b = static_cast<double>(k);
    sum += std::exp(std::lgamma(a + 1) - std::lgamma(b + 1) - std::lgamma(a - b + 1) + b * std::log(p) +
                    (a - b) * std::log1p(-p));
  }
  return sum;
}

}  // namespace

Retrieval retrieve(const Tensor& queries, const Tensor& gallery) {
  check<ShapeError>(queries.type() == gallery.type() && queries.shape().rank() == 2 && queries.shape()[0] >= 2,
                    "queries ", queries.type().str(), " and gallery ", gallery.type().str(),
                    ": two of f32[N,D] with N of at least 2 were expected");
  const std::int64_t n = queries.shape()[0];
  const auto d = static_cast<std::size_t>(queries.shape()[1]);
  Retrieval r{.queries = n};
  for (std::int64_t i = 0; i < n; ++i) {
    const auto query = queries.as<float>().subspan(static_cast<std::size_t>(i) * d, d);
    double own = 0, best_other = -2;
    for (std::int64_t k = 0; k < n; ++k) {
      const double c = cosine(query, gallery.as<float>().subspan(static_cast<std::size_t>(k) * d, d));
      if (k == i) {
        own = c;
      } else {
        best_other = std::max(best_other, c);
        r.others_cosine += c / static_cast<double>(n * (n - 1));
      }
    }
    r.own_cosine += own / static_cast<double>(n);
    r.hits += own > best_other ? 1 : 0;
  }
  r.chance_of_as_many = tail(n, 1 / static_cast<double>(n), r.hits);
  return r;
}

}  // namespace g2face
