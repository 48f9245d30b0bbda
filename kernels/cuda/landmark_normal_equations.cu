// A block makes the equations of one face. Rows of J for as many landmarks as shared memory holds are written there,
// times the square roots of their weights; then each thread adds their products to tiles of 4 x 4 elements of J^T J
// that are its own, and goes on to the next landmarks. Sums have the order of the landmarks.

#include <algorithm>
#include <cmath>

#include "kernels/block.cuh"
#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/launch.cuh"

namespace g2face {
namespace {

constexpr int threads = 256, lanes = static_cast<int>(cuda::warp_size), warps = threads / lanes;
constexpr int tile = 4, pose_size = 6;
constexpr std::size_t shared_aim = 48 << 10, most_shared = 96 << 10;

/// What is kept of a landmark beside its rows: shape (3), derivatives of both rows to it (6), weighted residuals (2).
constexpr int numbers_of_landmark = 11;

template <class T>
struct Faces {
  const T *mean, *basis, *precision, *rotation, *translation, *coefficients, *landmarks, *weights;
  T *hessian, *right, *residuals, *cost;
  T focal, centre_x, centre_y, distance, scale;
  LandmarkLoss loss;
  int points, modes, size, stride, chunk;  // of parameters; of a row of J; landmarks at a time

  std::size_t shared_elements() const {
    return static_cast<std::size_t>(chunk) * static_cast<std::size_t>(2 * stride + numbers_of_landmark) + warps;
  }
};

template <class T>
struct Robust {
  T rho, slope;
};

template <class T>
__device__ Robust<T> robust(const Faces<T>& f, T u2) {
  const T k2 = f.scale * f.scale;
  if (f.loss == LandmarkLoss::geman_mcclure) {
    const T share = k2 / (k2 + u2);
    return {u2 * share, share * share};
  }
  if (f.loss == LandmarkLoss::squares || u2 <= k2) return {u2, T(1)};
  const T u = std::sqrt(u2);
  return {2 * f.scale * u - k2, f.scale / u};
}

/// Shared memory of a chunk of landmarks.
template <class T>
struct Chunk {
  T *rows, *shape, *to_shape, *force, *sums;

  __device__ Chunk(T* memory, const Faces<T>& f)
      : rows(memory),
        shape(rows + 2 * f.chunk * f.stride),
        to_shape(shape + 3 * f.chunk),
        force(to_shape + 6 * f.chunk),
        sums(force + 2 * f.chunk) {}
};

/// A warp for each coordinate: mean + basis c.
template <class T>
__device__ void write_shape(const Faces<T>& f, const Chunk<T>& c, std::int64_t face, int first, int count) {
  const int warp = static_cast<int>(threadIdx.x) / lanes, lane = static_cast<int>(threadIdx.x) % lanes;
  const T* coefficients = f.coefficients + face * f.modes;
  for (int i = warp; i < 3 * count; i += warps) {
    const T* row = f.basis + static_cast<std::int64_t>(3 * first + i) * f.modes;
    T sum = 0;
    for (int k = lane; k < f.modes; k += lanes) sum += row[k] * coefficients[k];
    sum = cuda::warp_sum(sum);
    if (lane == 0) c.shape[i] = f.mean[3 * first + i] + sum;
  }
}

/// One thread's landmark: its residuals and what its rows are made of. Returns its part of the cost.
template <class T>
__device__ T write_pose_columns(const Faces<T>& f, const Chunk<T>& c, std::int64_t face, int first, int i) {
  const T *rotation = f.rotation + 9 * face, *translation = f.translation + 3 * face, *s = c.shape + 3 * i;
  T q[3];
#pragma unroll
  for (int a = 0; a < 3; ++a) q[a] = rotation[3 * a] * s[0] + rotation[3 * a + 1] * s[1] + rotation[3 * a + 2] * s[2];
  const T depth = f.distance - (q[2] + translation[2]), nearest = f.distance / 100;
  const T inverse = 1 / (depth > nearest ? depth : nearest), scale = f.focal * inverse;
  const T x = (q[0] + translation[0]) * scale, y = (q[1] + translation[1]) * scale;
  const std::int64_t at = face * f.points + first + i;
  const T residual_x = x + f.centre_x - f.landmarks[2 * at], residual_y = y + f.centre_y - f.landmarks[2 * at + 1];
  f.residuals[2 * at] = residual_x;
  f.residuals[2 * at + 1] = residual_y;

  const T weight = f.weights[at];
  const Robust<T> r = robust(f, weight * (residual_x * residual_x + residual_y * residual_y));
  const T root = std::sqrt(weight * r.slope);
  c.force[2 * i] = root * residual_x;
  c.force[2 * i + 1] = root * residual_y;
  const T by[2][3] = {{root * scale, 0, root * x * inverse}, {0, root * scale, root * y * inverse}};
#pragma unroll
  for (int j = 0; j < 2; ++j) {
    T* row = c.rows + (2 * i + j) * f.stride;
    row[0] = q[1] * by[j][2] - q[2] * by[j][1];
    row[1] = q[2] * by[j][0] - q[0] * by[j][2];
    row[2] = q[0] * by[j][1] - q[1] * by[j][0];
#pragma unroll
    for (int a = 0; a < 3; ++a) {
      row[3 + a] = by[j][a];
      c.to_shape[6 * i + 3 * j + a] = by[j][0] * rotation[a] + by[j][1] * rotation[3 + a] + by[j][2] * rotation[6 + a];
    }
  }
  return r.rho;
}

template <class T>
__device__ void write_mode_columns(const Faces<T>& f, const Chunk<T>& c, int first, int count) {
  const int columns = f.stride - pose_size;
  for (int i = static_cast<int>(threadIdx.x); i < count * columns; i += threads) {
    const int landmark = i / columns, k = i % columns;
    const T *b = f.basis + static_cast<std::int64_t>(3 * (first + landmark)) * f.modes + k,
            *by = c.to_shape + 6 * landmark;
    T* row = c.rows + 2 * landmark * f.stride + pose_size + k;
    const bool inside = k < f.modes;  // beyond are zeros, to fill the last tile
    const T b0 = inside ? b[0] : T(0), b1 = inside ? b[f.modes] : T(0), b2 = inside ? b[2 * f.modes] : T(0);
    row[0] = by[0] * b0 + by[1] * b1 + by[2] * b2;
    row[f.stride] = by[3] * b0 + by[4] * b1 + by[5] * b2;
  }
}

/// Adds the products of the chunk's rows to the upper triangle, whose tiles belong to one thread each.
template <class T>
__device__ void add_products(const Faces<T>& f, const Chunk<T>& c, T* hessian, int count) {
  const int tiles = f.stride / tile;
  for (int t = static_cast<int>(threadIdx.x); t < tiles * tiles; t += threads) {
    const int i = t / tiles * tile, j = t % tiles * tile;
    if (j < i) continue;
    T sum[tile][tile] = {};
    for (int row = 0; row < 2 * count; ++row) {
      const T* at = c.rows + row * f.stride;
#pragma unroll
      for (int r = 0; r < tile; ++r) {
#pragma unroll
        for (int s = 0; s < tile; ++s) sum[r][s] += at[i + r] * at[j + s];
      }
    }
#pragma unroll
    for (int r = 0; r < tile; ++r) {
#pragma unroll
      for (int s = 0; s < tile; ++s) {
        if (i + r <= j + s && j + s < f.size) hessian[static_cast<std::int64_t>(i + r) * f.size + j + s] += sum[r][s];
      }
    }
  }
}

template <class T>
__global__ void __launch_bounds__(threads) landmark_normal_equations_kernel(const Faces<T> f) {
  const std::int64_t face = blockIdx.x;
  const int thread = static_cast<int>(threadIdx.x);
  const Chunk<T> chunk(cuda::shared_memory<T>(), f);
  T* hessian = f.hessian + face * f.size * f.size;
  T* right = f.right + face * f.size;
  const T* coefficients = f.coefficients + face * f.modes;

  T cost = 0;
  for (int i = thread; i < f.size * f.size; i += threads) {
    const int row = i / f.size, k = row - pose_size;
    hessian[i] = i % f.size == row && k >= 0 ? f.precision[k] : T(0);
  }
  for (int i = thread; i < f.size; i += threads) {
    const int k = i - pose_size;
    const T pull = k >= 0 ? f.precision[k] * coefficients[k] : T(0);
    right[i] = -pull;
    if (k >= 0) cost += pull * coefficients[k];
  }
  for (int first = 0; first < f.points; first += f.chunk) {
    const int left = f.points - first, count = left < f.chunk ? left : f.chunk;
    __syncthreads();  // what was written above and the chunk before are done with
    write_shape(f, chunk, face, first, count);
    __syncthreads();
    for (int i = thread; i < count; i += threads) cost += write_pose_columns(f, chunk, face, first, i);
    __syncthreads();
    write_mode_columns(f, chunk, first, count);
    __syncthreads();
    add_products(f, chunk, hessian, count);
    for (int i = thread; i < f.size; i += threads) {
      T sum = 0;
      for (int row = 0; row < 2 * count; ++row) sum += chunk.force[row] * chunk.rows[row * f.stride + i];
      right[i] -= sum;
    }
  }
  cost = cuda::block_sum(cost, chunk.sums);
  if (thread == 0) f.cost[face] = cost / 2;
}

template <class T>
std::optional<Step> equations_step(const LandmarkNormalEquationsAttrs& a, const Signature& s) {
  Faces<T> f{};
  const Shape& basis = s.in[1].type.shape;
  f.points = static_cast<int>(basis[0]);
  f.modes = static_cast<int>(basis[2]);
  f.size = pose_size + f.modes;
  f.stride = (f.size + tile - 1) / tile * tile;
  f.focal = static_cast<T>(a.focal);
  f.centre_x = static_cast<T>(a.centre_x);
  f.centre_y = static_cast<T>(a.centre_y);
  f.distance = static_cast<T>(a.distance);
  f.scale = static_cast<T>(a.scale);
  f.loss = a.loss;
  const std::size_t landmark = static_cast<std::size_t>(2 * f.stride + numbers_of_landmark) * sizeof(T);
  f.chunk = std::clamp(static_cast<int>((shared_aim - warps * sizeof(T)) / landmark), 1, std::max(f.points, 1));
  const std::size_t bytes = f.shared_elements() * sizeof(T);
  if (bytes > most_shared) return std::nullopt;
  Step step;
  step.kernel = "landmark_normal_equations cuda";
  step.run = [f, bytes, faces = s.in[5].type.shape[0]](const Buffers& b, Stream& stream) {
    if (faces == 0) return;
    Faces<T> own = f;
    own.mean = b.get<T>(0);
    own.basis = b.get<T>(1);
    own.precision = b.get<T>(2);
    own.rotation = b.get<T>(3);
    own.translation = b.get<T>(4);
    own.coefficients = b.get<T>(5);
    own.landmarks = b.get<T>(6);
    own.weights = b.get<T>(7);
    own.hessian = b.out_as<T>();
    own.right = b.out_as<T>(1);
    own.residuals = b.out_as<T>(2);
    own.cost = b.out_as<T>(3);
    cuda::launch(landmark_normal_equations_kernel<T>, static_cast<unsigned>(faces), threads, bytes,
                 cuda::stream_of(stream), own);
  };
  return step;
}

}  // namespace

std::optional<Step> landmark_normal_equations_cuda(const LandmarkNormalEquationsAttrs& a, const Signature& s) {
  if (cuda::is_plain(s, DType::f32)) return equations_step<float>(a, s);
  if (cuda::is_plain(s, DType::f64)) return equations_step<double>(a, s);
  return std::nullopt;
}

}  // namespace g2face
