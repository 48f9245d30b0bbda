#pragma once
// Elementwise programs, interpreted over tiles that stay in the first-level cache: memory is read and written once,
// whatever the length of the program, and not at all for what is only summed. What the kernels of pointwise and
// pointwise_sums share.

#include <memory>
#include <span>
#include <vector>

#include "g2face/graph/step.hpp"
#include "g2face/ops/pointwise_sums.hpp"
#include "kernels/cpu/lane_sums.hpp"
#include "kernels/cpu/pointwise_loops.hpp"

namespace g2face::cpu {

/// Where a register lives while a tile is processed.
struct Place {
  enum class Kind : std::uint8_t { input, output, buffer };
  Kind kind = Kind::buffer;
  int index = 0;
};

struct Instruction {
  TileLoop loop;
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
  LaneSumsLoop add = nullptr;
  // Elements of the next tile to ask for before each instruction. Only where arithmetic takes long enough for memory to
  // fall idle meanwhile; simple programs are faster without.
  std::int64_t fetches = 0;
};

/// Whether a program is short enough, and blocked operands lie beside a result of the same layout.
bool suits_program(const PointwiseAttrs& a, std::span<const TensorDesc> in, std::span<const TensorDesc> out);
/// `result`: how the results lie, or would. Sums are over all pixels of an image in blocks, or of all images.
std::shared_ptr<const Program> compile(const PointwiseAttrs& a, std::span<const PointwiseSumsAttrs::Sum> sums,
                                       const TensorDesc& result, std::span<const TensorDesc> in);
/// Inputs whose memory result 0 may take: read element by element, and never after result 0 is written.
std::vector<InPlace> in_place_inputs(const PointwiseAttrs& a, const Program& program);

/// Tiles [begin, end) of a run; `memory` holds the buffers of this thread. Sums are added to [sum][column].
void run_tiles(const Program& p, const Buffers& b, std::int64_t begin, std::int64_t end, float* memory,
               double* sums = nullptr);
/// Runs a program that sums. `partial` holds the sums of each segment, `totals` the largest result.
void run_sums(const Program& p, const Buffers& b, int threads, float* memory, double* partial, double* totals);

}  // namespace g2face::cpu
