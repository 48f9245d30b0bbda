#include "kernels/cpu/pointwise_program.hpp"

#include <algorithm>
#include <array>

#include "kernels/cpu/index_space.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/parallel.hpp"

namespace g2face::cpu {
namespace {

constexpr int max_operands = 64;
constexpr std::int64_t l1_floats = 6144;  // three quarters of a 32 KiB cache

/// Fills a tile with a value that repeats; `cached` remembers what the buffer holds.
struct Filled {
  const float* from = nullptr;
  std::int64_t rows = 0, columns = 0;
};

void fill(float* to, std::int64_t n, float value) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) to[i] = value;
}

/// The tile of an operand that is repeated along some axis.
void load(const InputWalk& walk, const float* from, std::int64_t rows, std::int64_t columns, float* to,
          Filled& filled) {
  const bool repeats_rows = rows == 1 || walk.row == 0;
  if (repeats_rows && (walk.column == 0 || rows > 1)) {
    if (filled.from == from && filled.columns == columns && filled.rows >= rows) return;
    filled = {from, rows, columns};
  } else {
    filled = {};
  }
  if (walk.column == 0 && repeats_rows) return fill(to, rows * columns, *from);
  if (walk.column == 0 && columns == 16) {
    for (std::int64_t r = 0; r < rows; ++r) fill(to + 16 * r, 16, from[r * walk.row]);
    return;
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* row = from + r * walk.row;
    float* out = to + r * columns;
    if (walk.column == 0) {
      fill(out, columns, *row);
    } else if (walk.column == 1) {
      std::copy(row, row + columns, out);
    } else {
      for (std::int64_t c = 0; c < columns; ++c) out[c] = row[c * walk.column];
    }
  }
}

/// Asks for the elements [begin, end) behind p, one cache line at a time.
void prefetch(const float* p, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; i += 16) __builtin_prefetch(p + i, 0, 2);
}

/// Where a plane begins in an operand with these steps.
std::int64_t offset_of(std::int64_t plane, const Geometry& g, const std::vector<std::int64_t>& outer) {
  std::int64_t offset = 0;
  for (std::size_t axis = g.outer.size(); axis-- > 0;) {
    offset += plane % g.outer[axis] * outer[axis];
    plane /= g.outer[axis];
  }
  return offset;
}

Geometry geometry_of(const IndexSpace& space, std::int64_t tile) {
  Geometry g;
  const std::size_t axes = space.extents.size();
  g.columns = space.extents[axes - 1];
  if (axes > 1) g.rows = space.extents[axes - 2];
  for (std::size_t i = 0; i + 2 < axes; ++i) {
    g.outer.push_back(space.extents[i]);
    g.planes *= space.extents[i];
  }
  g.tile_columns = std::min(g.columns, tile);
  g.tile_rows = std::clamp<std::int64_t>(tile / g.tile_columns, 1, g.rows);
  g.tiles_down = (g.rows + g.tile_rows - 1) / g.tile_rows;
  g.tiles_across = (g.columns + g.tile_columns - 1) / g.tile_columns;
  return g;
}

/// Gives every instruction a place: the memory of a result, or a buffer that is free again after its last use.
void place_registers(const PointwiseAttrs& a, std::span<const PointwiseSumsAttrs::Sum> sums, int inputs, Program& p) {
  const int count = inputs + static_cast<int>(a.program.size());
  std::vector<int> last_use(static_cast<std::size_t>(count), -1), output(static_cast<std::size_t>(count), -1);
  for (std::size_t i = 0; i < a.program.size(); ++i) {
    for (const int s : a.program[i].source) last_use[static_cast<std::size_t>(s)] = static_cast<int>(i);
  }
  for (const auto& s : sums) last_use[static_cast<std::size_t>(s.source)] = static_cast<int>(a.program.size());
  for (std::size_t r = 0; r < a.results.size(); ++r) {
    const int reg = a.results[r];
    if (reg >= inputs && output[static_cast<std::size_t>(reg)] < 0) {
      output[static_cast<std::size_t>(reg)] = static_cast<int>(r);
    } else {
      p.copies.push_back({reg, static_cast<int>(r)});
    }
  }
  std::vector<int> free;
  std::vector<int> held(static_cast<std::size_t>(count), -1);  // buffer of a register
  for (std::size_t i = 0; i < a.program.size(); ++i) {
    const PointwiseInstruction& from = a.program[i];
    const std::size_t target = static_cast<std::size_t>(inputs) + i;
    for (const int s : from.source) {
      const auto k = static_cast<std::size_t>(s);
      if (held[k] >= 0 && last_use[k] == static_cast<int>(i)) {
        free.push_back(held[k]);
        held[k] = -1;
      }
    }
    Instruction to{tile_loop(from),
                   {},
                   {},
                   static_cast<int>(from.source.size()),
                   static_cast<float>(from.unary.a),
                   static_cast<float>(from.unary.b)};
    std::copy(from.source.begin(), from.source.end(), to.sources);
    if (output[target] >= 0) {
      to.y = {Place::Kind::output, output[target]};
    } else {
      if (free.empty()) free.push_back(p.buffers++);
      to.y = {Place::Kind::buffer, free.back()};
      free.pop_back();
      if (last_use[target] >= 0) held[target] = to.y.index;
    }
    p.instructions.push_back(to);
  }
}

bool takes_long(const PointwiseInstruction& i) {
  if (i.kind != PointwiseInstruction::Kind::unary) return false;
  switch (i.unary.kind) {
    case Unary::exp:
    case Unary::log:
    case Unary::sin:
    case Unary::cos:
    case Unary::tanh:
    case Unary::sigmoid:
    case Unary::softplus:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool suits_program(const PointwiseAttrs& a, std::span<const TensorDesc> in, std::span<const TensorDesc> out) {
  const auto block = common_block({out});
  if (!block || static_cast<int>(in.size() + a.program.size()) > max_operands) return false;
  return std::all_of(in.begin(), in.end(), [&](const TensorDesc& d) {
    return is_one_pixel(d.type.shape) || d.layout == Layout::nchw || block_of(d.layout) == *block;
  });
}

std::shared_ptr<const Program> compile(const PointwiseAttrs& a, std::span<const PointwiseSumsAttrs::Sum> sums,
                                       const TensorDesc& result, std::span<const TensorDesc> in) {
  auto p = std::make_shared<Program>();
  const auto inputs = static_cast<int>(in.size());
  std::vector<TensorDesc> operands(in.begin(), in.end());
  for (const auto& s : sums) {
    Shape kept = a.shape;
    for (const int axis : s.reduce.axes) kept = kept.with(axis, 1);
    operands.push_back({{DType::f32, kept}, Layout::nchw});
    p->sums.push_back({s.source, static_cast<int>(a.results.size() + p->sums.size()), kept.numel(), {}});
  }
  IndexSpace space = broadcast_space(result, operands);
  // The result takes part in joining axes, so that its own tiles are without jumps.
  space.coalesce();
  place_registers(a, sums, inputs, *p);
  const auto outer_of = [](const std::vector<std::int64_t>& steps) {
    return steps.size() > 2 ? std::vector(steps.begin(), steps.end() - 2) : std::vector<std::int64_t>();
  };
  for (std::size_t i = 0; i < p->sums.size(); ++i) p->sums[i].outer = outer_of(space.strides[in.size() + i]);
  for (std::size_t i = 0; i < in.size(); ++i) {
    InputWalk walk;
    const auto& steps = space.strides[i];
    std::int64_t dense = 1;
    walk.whole = true;
    for (std::size_t axis = steps.size(); axis-- > 0;) {
      walk.whole = walk.whole && (steps[axis] == dense || space.extents[axis] == 1);
      dense *= space.extents[axis];
    }
    walk.column = steps.back();
    if (steps.size() > 1) walk.row = steps[steps.size() - 2];
    walk.outer = outer_of(steps);
    if (!walk.whole) walk.buffer = p->buffers++;
    p->inputs.push_back(std::move(walk));
  }
  const std::int64_t streams = p->buffers + static_cast<int>(in.size() + a.results.size());
  p->tile = std::clamp<std::int64_t>(l1_floats / streams / 64 * 64, 256, 2048);
  p->geometry = geometry_of(space, p->tile);
  if (!sums.empty()) {
    // Enough for the threads of any machine to share; whatever their number and that of the images.
    constexpr std::int64_t wanted = 64;
    p->add = lane_sums();
    p->segments = std::clamp<std::int64_t>(wanted * p->geometry.columns / a.shape[1], 1, p->geometry.tiles_down);
  }
  if (std::any_of(a.program.begin(), a.program.end(), takes_long)) {
    const auto instructions = static_cast<std::int64_t>(a.program.size());
    p->fetches = (p->tile + instructions - 1) / instructions;
  }
  return p;
}

std::vector<InPlace> in_place_inputs(const PointwiseAttrs& a, const Program& p) {
  std::vector<InPlace> result;
  if (a.results.empty()) return result;
  const int inputs = static_cast<int>(p.inputs.size()), first = a.results[0];
  for (int i = 0; i < inputs && first >= inputs; ++i) {
    bool ok = p.inputs[static_cast<std::size_t>(i)].whole;
    for (std::size_t k = static_cast<std::size_t>(first - inputs) + 1; k < a.program.size(); ++k) {
      ok = ok && std::find(a.program[k].source.begin(), a.program[k].source.end(), i) == a.program[k].source.end();
    }
    for (const int r : a.results) ok = ok && r != i;
    for (const Sum& s : p.sums) ok = ok && s.from != i;
    if (ok) result.push_back({i});
  }
  return result;
}

void run_tiles(const Program& p, const Buffers& b, std::int64_t begin, std::int64_t end, float* memory, double* sums) {
  const Geometry& g = p.geometry;
  const std::int64_t per_plane = g.tiles_down * g.tiles_across, plane_size = g.rows * g.columns;
  const float* source[max_operands] = {};  // where each register of the tile is
  const float* plane_start[max_operands] = {};
  Filled filled[max_operands];
  std::int64_t current_plane = -1;
  for (std::int64_t t = begin; t < end; ++t) {
    const std::int64_t plane = t / per_plane, inside = t % per_plane;
    if (plane != current_plane) {
      current_plane = plane;
      for (std::size_t i = 0; i < p.inputs.size(); ++i)
        plane_start[i] = b.get<float>(static_cast<int>(i)) + offset_of(plane, g, p.inputs[i].outer);
    }
    const std::int64_t row = inside / g.tiles_across * g.tile_rows, column = inside % g.tiles_across * g.tile_columns;
    const std::int64_t rows = std::min(g.tile_rows, g.rows - row),
                       columns = std::min(g.tile_columns, g.columns - column);
    const std::int64_t flat = plane * plane_size + row * g.columns + column, n = rows * columns;
    for (std::size_t i = 0; i < p.inputs.size(); ++i) {
      const InputWalk& walk = p.inputs[i];
      const float* from = plane_start[i] + row * walk.row + column * walk.column;
      const bool in_place = walk.whole || (walk.column == 1 && rows == 1);
      source[i] = in_place ? from : memory + walk.buffer * p.tile;
      if (!in_place) load(walk, from, rows, columns, memory + walk.buffer * p.tile, filled[i]);
    }
    const auto place = [&](const Place& where) {
      return where.kind == Place::Kind::output ? b.out_as<float>(where.index) + flat : memory + where.index * p.tile;
    };
    std::size_t next = p.inputs.size();
    std::int64_t fetched = 0;  // of each input's next tile
    const std::int64_t behind = g.planes * plane_size - flat - n;
    for (const Instruction& i : p.instructions) {
      for (std::size_t k = 0; p.fetches > 0 && k < p.inputs.size(); ++k) {
        if (p.inputs[k].whole) prefetch(source[k] + n, fetched, std::min(fetched + p.fetches, behind));
      }
      fetched += p.fetches;
      float* y = place(i.y);
      TileArgs args{y, {}, n, i.a, i.b};
      for (int k = 0; k < i.arity; ++k) args.x[k] = source[i.sources[k]];
      i.loop(args);
      source[next++] = y;
    }
    for (const Copy& c : p.copies) std::copy(source[c.from], source[c.from] + n, b.out_as<float>(c.output) + flat);
    for (std::size_t k = 0; k < p.sums.size(); ++k) {
      double part[max_lanes];
      p.add({source[p.sums[k].from], n, g.columns, nullptr, part});
      double* sum = sums + static_cast<std::int64_t>(k) * g.columns;
      for (std::int64_t c = 0; c < g.columns; ++c) sum[c] += part[c];
    }
  }
}

void run_sums(const Program& p, const Buffers& b, int threads, float* memory, double* partial, double* totals) {
  const Geometry& g = p.geometry;
  const std::int64_t segments = p.segments, lanes = static_cast<std::int64_t>(p.sums.size()) * g.columns;
  std::fill(partial, partial + g.planes * segments * lanes, 0.0);
  parallel_parts(threads, g.planes * segments, [&](int part, std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i / segments * g.tiles_down, k = i % segments;
      run_tiles(p, b, first + g.tiles_down * k / segments, first + g.tiles_down * (k + 1) / segments,
                memory + part * p.buffers * p.tile, partial + i * lanes);
    }
  });
  for (std::size_t s = 0; s < p.sums.size(); ++s) {
    const Sum& sum = p.sums[s];
    std::fill(totals, totals + sum.size, 0.0);
    for (std::int64_t i = 0; i < g.planes * segments; ++i) {
      double* to = totals + offset_of(i / segments, g, sum.outer);
      const double* from = partial + i * lanes + static_cast<std::int64_t>(s) * g.columns;
      for (std::int64_t c = 0; c < g.columns; ++c) to[c] += from[c];
    }
    std::transform(totals, totals + sum.size, b.out_as<float>(sum.output),
                   [](double v) { return static_cast<float>(v); });
  }
}

}  // namespace g2face::cpu
