#include "expression.hpp"

#include <doctest/doctest.h>

#include "compare.hpp"
#include "g2face/fill.hpp"

namespace g2face::golden {
namespace {

constexpr double sqrt3 = 1.7320508075688772;

bool equal(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && share_of_differences(doubles(a), doubles(b)) == 0;
}

Surroundings with_picture() {
  Surroundings s;
  s.real_image = [] { return fill("a picture", {1, 3, 4, 6}); };
  return s;
}

TEST_CASE("a fill has a name, a shape, perhaps a scale and an offset") {
  CHECK(equal(evaluate("fill(pub/n1/z,(1,512),sqrt3)", {}), fill("pub/n1/z", {1, 512}, sqrt3)));
  CHECK(equal(evaluate("fill(other set/w.2,(2,3,4))", {}), fill("other set/w.2", {2, 3, 4})));
  CHECK(equal(evaluate(" fill( held-out/naïve , ( 5 ) , 0.5 , -1e-1 ) ", {}), fill("held-out/naïve", {5}, 0.5, -0.1)));
  CHECK(equal(evaluate("fill(a,(7,),2*sqrt3,1+1)", {}), fill("a", {7}, 2 * sqrt3, 2)));
}

TEST_CASE("comparing gives bits") {
  const Tensor bits = evaluate("fill(b,(2,3,32))>0", {});
  const Tensor z = fill("b", {2, 3, 32});
  for (std::size_t i = 0; i < 192; ++i) CHECK(bits.as<float>()[i] == (z.as<float>()[i] > 0 ? 1.0f : 0.0f));
  CHECK(equal(evaluate("fill(b,(2,3,32)) > 0", {}), bits));
}

TEST_CASE("arithmetic is that of f32, with the usual precedence") {
  const Tensor image = make_image("x/a", 2);
  const Tensor got = evaluate("(make_image(x/a,2)+1)/2", {});
  REQUIRE(got.shape() == image.shape());
  for (std::size_t i = 0; i < 5000; ++i) CHECK(got.as<float>()[i] == (image.as<float>()[i] + 1.0f) / 2.0f);
  const Tensor z = fill("z", {9});
  const Tensor mixed = evaluate("-fill(z,(9))*2-1+fill(z,(9))", {});
  for (std::size_t i = 0; i < 9; ++i) {
    const float v = z.as<float>()[i];
    CHECK(mixed.as<float>()[i] == (v * -1.0f) * 2.0f - 1.0f + v);
  }
}

TEST_CASE("slices cut a box") {
  const Tensor whole = fill("s", {2, 3, 5, 6});
  const Tensor part = evaluate("(fill(s,(2,3,5,6)))[:,1:3,:2,4:]", {});
  REQUIRE(part.shape() == Shape{2, 2, 2, 2});
  std::size_t k = 0;
  for (std::size_t n = 0; n < 2; ++n)
    for (std::size_t c = 1; c < 3; ++c)
      for (std::size_t i = 0; i < 2; ++i)
        for (std::size_t j = 4; j < 6; ++j)
          CHECK(part.as<float>()[k++] == whole.as<float>()[((n * 3 + c) * 5 + i) * 6 + j]);
  CHECK(evaluate("fill(s,(2,3,5,6))[1:2]", {}).shape() == Shape{1, 3, 5, 6});
}

TEST_CASE("the real image, its mirror image, lists") {
  const Surroundings s = with_picture();
  const Tensor picture = s.real_image();
  CHECK(equal(evaluate("real image", s), picture));
  const Tensor mirrored = evaluate("real image flipped left-right", s);
  for (std::size_t i = 0; i < 72; ++i) CHECK(mirrored.as<float>()[i] == picture.as<float>()[i / 6 * 6 + 5 - i % 6]);
  const Tensor list = evaluate("[real image, fill(q,(2,3,4,6)), real image flipped left-right]", s);
  REQUIRE(list.shape() == Shape{4, 3, 4, 6});
  CHECK(list.as<float>()[0] == picture.as<float>()[0]);
  CHECK(list.as<float>()[72] == fill("q", {2, 3, 4, 6}).as<float>()[0]);
  CHECK(list.as<float>()[3 * 72] == mirrored.as<float>()[0]);
}

TEST_CASE("noise names the layer and its size") {
  Surroundings s;
  s.symbols = {{"N", 2}, {"H", 8}, {"W", 4}};
  s.words = {{"layer", "convs.3"}};
  s.shape = {2, 1, 8, 4};
  s.has_shape = true;
  CHECK(equal(evaluate("fill(p/noise/<layer>,(N,1,H,W),sqrt3)", s), fill("p/noise/convs.3", {2, 1, 8, 4}, sqrt3)));
  CHECK(equal(evaluate("fill(<layer>/of <layer>,(1,1,W,H))", s), fill("convs.3/of convs.3", {1, 1, 4, 8})));
  CHECK(equal(evaluate("all zero", s), Tensor::zeros({DType::f32, s.shape})));
}

TEST_CASE("prose after an expression is ignored, but only behind a mark") {
  const Surroundings s = with_picture();
  CHECK(equal(evaluate("fill(a,(1,5),sqrt3), two-dimensional: repeated", s), fill("a", {1, 5}, sqrt3)));
  CHECK(equal(evaluate("real image (no resize inside)", s), s.real_image()));
  CHECK(equal(evaluate("(real image+0)/1, 256x256, as test.py feeds it", s), s.real_image()));
  CHECK_THROWS_AS(evaluate("real image rotated", s), ExpressionError);
}

TEST_CASE("what is no expression is refused with the place") {
  const Surroundings s = with_picture();
  for (const char* text : {"",
                           "3",
                           "fill",
                           "fill(",
                           "fill(a",
                           "fill(a)",
                           "fill(,(1))",
                           "fill(a,(1",
                           "fill(a,(x))",
                           "fill(a,1)",
                           "fill(a,(1),real image)",
                           "fill(a,(-1))",
                           "fill(a,(99999,99999))",
                           "fill(<layer>,(1))",
                           "fill(<layer,(1))",
                           "make_image(a)",
                           "make_image(a,0)",
                           "make_image(a,100000)",
                           "(real image",
                           "[real image",
                           "[real image, 1]",
                           "[real image, fill(a,(1,3,4,5))]",
                           "real image[0:9]",
                           "real image[:,:,:,:,:]",
                           "real image[2:1]",
                           "real image + fill(a,(2))",
                           "real image flipped",
                           "all zero",
                           "noise",
                           "fill(a,(12345678901234567890))",
                           "fill(a,(1),1e)",
                           "real image > ",
                           "real image[:"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(evaluate(text, s), Error);
  }
  CHECK_THROWS_WITH_AS(evaluate("make_image(a,1", {}), "in 'make_image(a,1': expected ')' at ''", ExpressionError);
  CHECK_THROWS_AS(evaluate(std::string(100000, '('), {}), ExpressionError);
  CHECK_THROWS_AS(evaluate(std::string(100000, '['), {}), ExpressionError);
  CHECK_THROWS_AS(evaluate(std::string(100000, '-') + "1", {}), ExpressionError);
}

}  // namespace
}  // namespace g2face::golden
