#include <g2face/tensor.hpp>
#include <g2face/version.hpp>
#include <iostream>

int main() {
  const auto x = g2face::Tensor::from({2, 2}, {1, 2, 3, 4});
  std::cout << "g2face " << g2face::version() << " holds " << x.type().str() << '\n';
}
