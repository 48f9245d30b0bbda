#include "mma.hpp"

#include <string_view>

#include "machine.hpp"

namespace cuda_on_host {
namespace {

float low_of(std::uint32_t pair, bool is_bf16) {
  const auto bits = static_cast<std::uint16_t>(pair & 0xffffu);
  return is_bf16 ? g2face::to_float(g2face::bf16{bits}) : g2face::to_float(g2face::f16{bits});
}
float high_of(std::uint32_t pair, bool is_bf16) { return low_of(pair >> 16, is_bf16); }

struct MmaOperands {
  const char* instruction;
  float* d;
  const std::uint32_t *a, *b;
  const char* problem;
};

// The tiles of the warp as matrices, b transposed.
struct Tiles {
  unsigned depth = 16;
  float a[16][16], b[8][16];
};

void gather_pairs(Tiles& tiles, Brought all, bool is_bf16) {
  for (unsigned l = 0; l < warp_size; ++l) {
    const auto* const lane = all.as<MmaOperands>(l);
    const unsigned g = l / 4, t = l % 4;
    for (unsigned i = 0; i < 4; ++i) {
      float* const pair = &tiles.a[g + i % 2 * 8][2 * t + i / 2 * 8];
      pair[0] = low_of(lane->a[i], is_bf16);
      pair[1] = high_of(lane->a[i], is_bf16);
    }
    for (unsigned i = 0; i < 2; ++i) {
      float* const pair = &tiles.b[g][2 * t + i * 8];
      pair[0] = low_of(lane->b[i], is_bf16);
      pair[1] = high_of(lane->b[i], is_bf16);
    }
  }
}

void gather_tf32(Tiles& tiles, Brought all) {
  tiles.depth = 8;
  const auto value_of = [&](std::uint32_t bits) {
    const auto value = std::bit_cast<float>(bits);
    if ((bits & 0x1fffu) != 0 && !std::isnan(value)) {
      all.as<MmaOperands>(0)->problem = "mma_sync<tf32>: an operand that to_tf32 did not round";
    }
    return value;
  };
  for (unsigned l = 0; l < warp_size; ++l) {
    const auto* const lane = all.as<MmaOperands>(l);
    const unsigned g = l / 4, t = l % 4;
    for (unsigned i = 0; i < 4; ++i) tiles.a[g + i % 2 * 8][t + i / 2 * 4] = value_of(lane->a[i]);
    for (unsigned i = 0; i < 2; ++i) tiles.b[g][t + i * 4] = value_of(lane->b[i]);
  }
}

void multiply(Brought all) {
  const std::string_view instruction = all.as<MmaOperands>(0)->instruction;
  Tiles tiles;
  if (instruction.find("tf32") != std::string_view::npos) {
    gather_tf32(tiles, all);
  } else {
    gather_pairs(tiles, all, instruction.find("bf16") != std::string_view::npos);
  }
  for (unsigned l = 0; l < warp_size; ++l) {
    float* const d = all.as<MmaOperands>(l)->d;
    for (unsigned i = 0; i < 4; ++i) {
      const float *a = tiles.a[l / 4 + i / 2 * 8], *b = tiles.b[2 * (l % 4) + i % 2];
      for (unsigned k = 0; k < tiles.depth; ++k) d[i] += a[k] * b[k];
    }
  }
}

struct MatrixRow {
  unsigned matrices;
  bool transposed;
  const void* row;
  std::uint32_t* r;
};

void load_matrices(Brought all) {
  const auto [matrices, transposed, row, r] = *all.as<MatrixRow>(0);
  for (unsigned m = 0; m < matrices; ++m) {
    std::uint16_t elements[8][8];
    for (unsigned i = 0; i < 8; ++i) std::memcpy(elements[i], all.as<MatrixRow>(m * 8 + i)->row, sizeof(elements[i]));
    for (unsigned l = 0; l < warp_size; ++l) {
      const unsigned g = l / 4, t = 2 * (l % 4);
      all.as<MatrixRow>(l)->r[m] =
          transposed ? pair_of(elements[t][g], elements[t + 1][g]) : pair_of(elements[g][t], elements[g][t + 1]);
    }
  }
}

bool aligned(const void* p, std::size_t bytes) { return reinterpret_cast<std::uintptr_t>(p) % bytes == 0; }

// What a thread uses of the block's shared memory in one piece.
void check_shared(const char* what, const void* p, std::size_t bytes) {
  if (!aligned(p, bytes))
    fail(what, ": thread ", machine().thread(), " gives an address that ", bytes, " does not divide");
  if (!machine().in_shared_memory(p, bytes)) {
    fail(what, ": thread ", machine().thread(), " gives an address outside the block's dynamic shared memory");
  }
}

}  // namespace

void mma_sync(const char* instruction, float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  MmaOperands mine{instruction, d, a, b, nullptr};
  meet({instruction}, whole_warp, &mine, multiply);
  if (mine.problem != nullptr) fail(mine.problem);
}

void ldmatrix(const char* what, std::uint32_t* r, unsigned matrices, const void* row, bool transposed) {
  if (static_cast<unsigned>(lane()) < 8 * matrices) check_shared(what, row, 16);
  MatrixRow mine{matrices, transposed, row, r};
  meet({what}, whole_warp, &mine, load_matrices);
}

void cp_async(void* shared, const void* global, std::size_t bytes, bool valid) {
  check_shared("cp_async", shared, bytes);
  if (!aligned(global, bytes)) {
    fail("cp_async: thread ", machine().thread(), " reads from an address that ", bytes, " does not divide");
  }
  std::memset(shared, 0xff, bytes);
  Machine::Copies& mine = machine().copies();
  if (mine.groups.empty()) mine.groups.push_back(0);
  mine.copies.push_back({shared, global, bytes, valid});
  ++mine.groups.back();
}

void cp_async_commit() {
  auto& groups = machine().copies().groups;
  if (groups.empty()) groups.push_back(0);
  groups.push_back(0);
}

void cp_async_wait(unsigned pending) {
  auto& [copies, groups] = machine().copies();
  std::size_t due = 0;
  while (groups.size() > pending + 1) {
    due += groups.front();
    groups.pop_front();
  }
  const auto end = copies.begin() + static_cast<std::ptrdiff_t>(due);
  for (auto copy = copies.begin(); copy != end; ++copy) {
    if (copy->valid) {
      std::memcpy(copy->to, copy->from, copy->bytes);
    } else {
      std::memset(copy->to, 0, copy->bytes);
    }
  }
  copies.erase(copies.begin(), end);
}

}  // namespace cuda_on_host
