// Elementwise programs, interpreted over tiles that stay in the first-level cache: memory is read and written once,
// whatever the length of the program, and not at all for what is only summed.

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "kernels/cpu/index_space.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/lane_sums.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/pointwise_loops.hpp"

namespace g2face {
namespace {

constexpr int max_operands = 64;
constexpr std::int64_t l1_floats = 6144;  // three quarters of a 32 KiB cache

/// Where a register lives while a tile is processed.
struct Place {
  enum class Kind : std::uint8_t { input, output, buffer };
  Kind kind = Kind::buffer;
  int index = 0;
};

struct Instruction {
  cpu::TileLoop loop;
  Place y;
  int sources[3];  // registers
  int arity;
  float a, b;
};

/// A tile lies in a plane, the two innermost axes: either some whole rows, or a part of one row.
struct Geometry {
  std::int64_t rows = 1, columns = 1;            // of a plane
  std::int64_t tile_rows = 1, tile_columns = 1;  // of a tile
  std::int64_t tiles_down = 1, tiles_across = 1;
  std::vector<std::int64_t> outer;  // extents of the axes outside the plane
  std::int64_t planes = 1;
};

struct InputWalk {
  bool whole = false;  // as large as the result and in the same order: read in place
  std::vector<std::int64_t> outer;
  std::int64_t row = 0, column = 0;  // steps
  int buffer = -1;
};

struct Copy {
  int from;  // register
  int output;
};

/// Sum over the rows of planes, for each column, and over the planes whose `outer` steps lead to one place.
struct Sum {
  int from;  // register
  int output;
  std::int64_t size;  // elements of the result
  std::vector<std::int64_t> outer;
};

struct Program {
  Geometry geometry;
  std::vector<InputWalk> inputs;
  std::vector<Place> registers;
  std::vector<Instruction> instructions;
  std::vector<Copy> copies;  // results that are inputs or other results
  std::vector<Sum> sums;
  std::int64_t segments = 1;  // of a plane, each summed by itself
  std::int64_t tile = 0;      // floats of a buffer
  int buffers = 0;
  cpu::LaneSumsLoop add = nullptr;
  // Elements of the next tile to ask for before each instruction. Only where arithmetic takes long enough for memory to
  // fall idle meanwhile; simple programs are faster without.
  std::int64_t fetches = 0;
};

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

/// Tiles [begin, end) of a run; `memory` holds the buffers of this thread. Sums are added to [sum][column].
void run_tiles(const Program& p, const Buffers& b, std::int64_t begin, std::int64_t end, float* memory,
               double* sums = nullptr) {
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
      cpu::TileArgs args{y, {}, n, i.a, i.b};
      for (int k = 0; k < i.arity; ++k) args.x[k] = source[i.sources[k]];
      i.loop(args);
      source[next++] = y;
    }
    for (const Copy& c : p.copies) std::copy(source[c.from], source[c.from] + n, b.out_as<float>(c.output) + flat);
    for (std::size_t k = 0; k < p.sums.size(); ++k) {
      double part[cpu::max_lanes];
      p.add({source[p.sums[k].from], n, g.columns, nullptr, part});
      double* sum = sums + static_cast<std::int64_t>(k) * g.columns;
      for (std::int64_t c = 0; c < g.columns; ++c) sum[c] += part[c];
    }
  }
}

/// Runs a program that sums. `partial` holds the sums of each segment, `totals` the largest result.
void run_sums(const Program& p, const Buffers& b, int threads, float* memory, double* partial, double* totals) {
  const Geometry& g = p.geometry;
  const std::int64_t segments = p.segments, lanes = static_cast<std::int64_t>(p.sums.size()) * g.columns;
  std::fill(partial, partial + g.planes * segments * lanes, 0.0);
  cpu::parallel_parts(threads, g.planes * segments, [&](int part, std::int64_t begin, std::int64_t end) {
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

Geometry geometry_of(const cpu::IndexSpace& space, std::int64_t tile) {
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
    Instruction to{cpu::tile_loop(from),
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

/// Inputs whose memory result 0 may take: read element by element, and never after result 0 is written.
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

/// Blocked operands are walked only beside a result of the same layout.
bool layouts_agree(std::span<const TensorDesc> in, std::span<const TensorDesc> out) {
  const auto block = cpu::common_block({out});
  if (!block) return false;
  for (const TensorDesc& d : in) {
    if (!cpu::is_one_pixel(d.type.shape) && d.layout != Layout::nchw && cpu::block_of(d.layout) != *block) return false;
  }
  return true;
}

/// `result`: how the results lie, or would.
std::shared_ptr<Program> compile(const PointwiseAttrs& a, std::span<const PointwiseSumsAttrs::Sum> sums,
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
  cpu::IndexSpace space = cpu::broadcast_space(result, operands);
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
    p->add = cpu::lane_sums();
    p->segments = std::clamp<std::int64_t>(wanted * p->geometry.columns / a.shape[1], 1, p->geometry.tiles_down);
  }
  if (std::any_of(a.program.begin(), a.program.end(), takes_long)) {
    const auto instructions = static_cast<std::int64_t>(a.program.size());
    p->fetches = (p->tile + instructions - 1) / instructions;
  }
  return p;
}

bool fits_registers(const PointwiseAttrs& a, std::span<const TensorDesc> in) {
  return static_cast<int>(in.size() + a.program.size()) <= max_operands;
}

}  // namespace

MaybeStep pointwise_cpu(const PointwiseAttrs& a, const Signature& s) {
  if (!cpu::all_f32(s) || !layouts_agree(s.in, s.out) || !fits_registers(a, s.in)) return std::nullopt;
  Step step;
  step.kernel = str("pointwise ", cpu::name_of(cpu::best_isa()));
  if (a.shape.numel() == 0) {
    step.run = [](const Buffers&, Stream&) {};
    return step;
  }
  const std::shared_ptr<const Program> p = compile(a, {}, s.out[0], s.in);
  step.in_place = in_place_inputs(a, *p);
  const int threads = a.shape.numel() < (1 << 14) ? 1 : s.threads;
  const std::int64_t buffer_floats = p->buffers * p->tile;
  step.workspace = static_cast<std::size_t>(threads * buffer_floats) * sizeof(float);
  step.run = [p, threads, buffer_floats](const Buffers& b, Stream&) {
    const Geometry& g = p->geometry;
    const std::int64_t tiles = g.planes * g.tiles_down * g.tiles_across;
    cpu::parallel_parts(threads, tiles, [&](int part, std::int64_t begin, std::int64_t end) {
      run_tiles(*p, b, begin, end, static_cast<float*>(b.workspace) + part * buffer_floats);
    });
  };
  return step;
}

LayoutChoices pointwise_cpu_layouts(const PointwiseAttrs& a, std::span<const Type> in, std::span<const Type> out) {
  LayoutChoices choices;
  const Layout native = cpu::native_layout();
  if (cpu::fits(a.shape, native)) {
    LayoutChoice blocked = cpu::plain_choice(in, out);
    for (std::size_t i = 0; i < in.size(); ++i) {
      if (in[i].shape.rank() == 4 && in[i].shape[1] == a.shape[1]) blocked.in[i] = native;
    }
    for (std::size_t i = 0; i < a.results.size(); ++i) blocked.out[i] = native;
    choices.push_back(std::move(blocked));
  }
  choices.push_back(cpu::plain_choice(in, out));
  return choices;
}

MaybeStep pointwise_sums_cpu(const PointwiseSumsAttrs& a, const Signature& s) {
  const PointwiseAttrs& program = a.pointwise;
  const TensorDesc result{{DType::f32, program.shape}, cpu::native_layout()};
  const std::size_t results = program.results.size();
  bool ok = cpu::all_f32(s) && cpu::fits(program.shape, result.layout) && program.shape.rank() == 4 &&
            program.shape.numel() > 0 && program.shape[2] * program.shape[3] > 1 &&
            layouts_agree(s.in, std::array{result}) && fits_registers(program, s.in);
  for (std::size_t i = 0; i < s.out.size(); ++i)
    ok = ok && s.out[i].layout == (i < results ? result.layout : Layout::nchw);
  // Of each pixel's block of channels a lane is one; the pixels of an image are summed, and images if all are.
  for (const auto& sum : a.sums)
    ok = ok && (sum.reduce.axes == std::vector{2, 3} || sum.reduce.axes == std::vector{0, 2, 3});
  if (!ok) return std::nullopt;

  const std::shared_ptr<const Program> p = compile(program, a.sums, result, s.in);
  Step step;
  step.kernel = str("pointwise_sums ", cpu::name_of(cpu::best_isa()));
  step.in_place = in_place_inputs(program, *p);
  const int threads = program.shape.numel() < (1 << 14) ? 1 : s.threads;
  std::int64_t largest = 0;
  for (const Sum& sum : p->sums) largest = std::max(largest, sum.size);
  const std::int64_t lanes = static_cast<std::int64_t>(p->sums.size()) * p->geometry.columns;
  cpu::Workspace workspace;
  const auto bytes = [](std::int64_t count, std::size_t size) { return static_cast<std::size_t>(count) * size; };
  const std::size_t memory = workspace.add(bytes(threads * p->buffers * p->tile, sizeof(float)));
  const std::size_t partial = workspace.add(bytes(p->geometry.planes * p->segments * lanes, sizeof(double)));
  const std::size_t totals = workspace.add(bytes(largest, sizeof(double)));
  step.workspace = workspace.total();
  step.run = [=](const Buffers& b, Stream&) {
    run_sums(*p, b, threads, static_cast<float*>(cpu::at(b.workspace, memory)),
             static_cast<double*>(cpu::at(b.workspace, partial)), static_cast<double*>(cpu::at(b.workspace, totals)));
  };
  return step;
}

LayoutChoices pointwise_sums_cpu_layouts(const PointwiseSumsAttrs& a, std::span<const Type> in,
                                         std::span<const Type> out) {
  return {pointwise_cpu_layouts(a.pointwise, in, out).front()};
}

}  // namespace g2face
