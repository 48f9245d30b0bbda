#include "io/matlab.hpp"
#include "weights_converter/opened.hpp"

using namespace g2face;
using namespace g2face::test;

TEST_CASE("weight files: the matrices of a MATLAB file, compressed or not") {
  if (!io::has_matlab()) return;
  const std::string folder = G2FACE_TEST_DATA;
  const auto plain = weights::open_weight_file(folder + "/bfm_synthetic.mat");
  const auto packed = weights::open_weight_file(folder + "/bfm_synthetic_compressed.mat");
  CHECK(plain->format() == "matlab");
  CHECK(plain->tensors().size() > 5);
  CHECK(all_of(*plain) == all_of(*packed));
  const io::MatlabFile file(folder + "/bfm_synthetic.mat");
  for (const StoredTensor& tensor : plain->tensors()) {
    const Tensor values = file.matrix(tensor.name);
    const std::string read = values_of(*plain, tensor);
    CHECK(std::memcmp(read.data(), values.data(), read.size()) == 0);
  }
}
