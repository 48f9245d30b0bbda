// Aligned crops of photos, and their way back.

#include <benchmark/benchmark.h>

#include <cmath>
#include <numbers>

#include "g2face/face/warp.hpp"
#include "g2face/fill.hpp"

namespace g2face {
namespace {

constexpr std::int64_t photo_size = 1024, face_size = 256;

/// All of the photo, turned by so many degrees, on 256 pixels.
Affine whole_photo(double degrees) {
  const double angle = degrees * std::numbers::pi / 180, scale = double{face_size} / photo_size;
  const Affine about = Affine::similarity(scale * std::cos(angle), scale * std::sin(angle), 0, 0);
  const double middle = 0.5 * (photo_size - 1), face_middle = 0.5 * (face_size - 1);
  return Affine::shift(face_middle, face_middle) * about * Affine::shift(-middle, -middle);
}

Tensor photo() { return fill("warp_bench", {1, 3, photo_size, photo_size}, 0.9); }

void warp_photo(benchmark::State& state, ResizeFilter filter, bool antialias) {
  const Tensor image = photo();
  const WarpOptions options{.filter = filter,
                            .border = Border::reflect,
                            .antialias = antialias,
                            .threads = static_cast<int>(state.range(1))};
  const Affine transform = whole_photo(static_cast<double>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(warp(image, transform, face_size, face_size, options).data());
}
BENCHMARK_CAPTURE(warp_photo, bicubic, ResizeFilter::bicubic, true)
    ->ArgNames({"degrees", "threads"})
    ->ArgsProduct({{0, 10}, {1, 2}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(warp_photo, bilinear, ResizeFilter::bilinear, true)
    ->ArgNames({"degrees", "threads"})
    ->ArgsProduct({{0, 10}, {1}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(warp_photo, bilinear_aliased, ResizeFilter::bilinear, false)
    ->ArgNames({"degrees", "threads"})
    ->ArgsProduct({{10}, {1}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void paste_face(benchmark::State& state) {
  const Tensor image = photo();
  const Affine transform = Affine::shift(0.25, 0.5) * whole_photo(10) * Affine::similarity(1.5, 0, -256, -256);
  const WarpOptions options{.threads = static_cast<int>(state.range(0))};
  const Tensor face = warp(image, transform, face_size, face_size, options);
  const Tensor mask = feathered_mask(face_size, face_size, 16);
  for (auto _ : state) benchmark::DoNotOptimize(paste_back(image, face, transform, mask, options).data());
}
BENCHMARK(paste_face)->ArgName("threads")->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace g2face
