#include "mma.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <vector>

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

// What a thread brings to a product of its warpgroup. Each warp makes its own 16 rows.
struct WarpgroupOperands {
  bool is_bf16;
  int columns;
  const char *a, *b;          // the blocks of rows
  unsigned a_depth, b_depth;  // where the elements begin in a row, in bytes
  unsigned warp;
  float* sums;
  const char* problem;
};

void multiply_warpgroup(Brought all) {
  auto& first = *all.as<WarpgroupOperands>(0);
  for (unsigned l = 1; l < warp_size; ++l) {
    const auto& other = *all.as<WarpgroupOperands>(l);
    if (other.a != first.a || other.b != first.b || other.a_depth != first.a_depth || other.b_depth != first.b_depth) {
      first.problem = "wgmma: threads of a warp that name different operands";
      return;
    }
  }
  if (machine().unfenced > 0) {
    first.problem = "wgmma: copies into shared memory have arrived, but fence_shared_for_products was not called";
    return;
  }
  constexpr unsigned depth = 16;
  const auto load = [&](const char* rows, unsigned row, unsigned at, float* to) {
    for (unsigned k = 0; k < depth; ++k) {
      const unsigned byte = at + 2 * k, piece = byte / 16;
      std::uint16_t bits = 0;
      std::memcpy(&bits, rows + row * 128 + ((piece ^ row % 8) * 16) + byte % 16, sizeof(bits));
      to[k] = low_of(bits, first.is_bf16);
    }
  };
  const auto columns = static_cast<unsigned>(first.columns);
  float a[16][depth];
  std::vector<std::array<float, depth>> b(columns);
  for (unsigned i = 0; i < 16; ++i) load(first.a, first.warp * 16 + i, first.a_depth, a[i]);
  for (unsigned j = 0; j < columns; ++j) load(first.b, j, first.b_depth, b[j].data());
  for (unsigned l = 0; l < warp_size; ++l) {
    float* const sums = all.as<WarpgroupOperands>(l)->sums;
    for (unsigned i = 0; i < columns / 2; ++i) {
      const float* row = a[l / 4 + i % 4 / 2 * 8];
      const auto& column = b[i / 4 * 8 + 2 * (l % 4) + i % 2];
      for (unsigned k = 0; k < depth; ++k) sums[i] += row[k] * column[k];
    }
  }
}

// FNV-1a of the rows of both operands, by the first lane of each warp.
std::size_t hash_of(const Machine::Product& p) {
  if (lane() != 0) return 0;
  std::size_t hash = 0xcbf29ce484222325u;
  const auto add = [&](const char* at, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; i += sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, at + i, sizeof(word));
      hash = (hash ^ word) * 0x100000001b3u;
    }
  };
  add(p.a, p.a_bytes);
  add(p.b, p.b_bytes);
  return hash;
}

// Takes all groups but the newest `pending` and the one that is not made yet; the number of their members.
std::size_t take_due(std::deque<std::size_t>& groups, unsigned pending) {
  std::size_t due = 0;
  while (groups.size() > pending + 1) {
    due += groups.front();
    groups.pop_front();
  }
  return due;
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
  auto& [unfenced, copies, groups] = machine().copies();
  const std::size_t due = take_due(groups, pending);
  const auto end = copies.begin() + static_cast<std::ptrdiff_t>(due);
  for (auto copy = copies.begin(); copy != end; ++copy) {
    if (copy->valid) {
      std::memcpy(copy->to, copy->from, copy->bytes);
    } else {
      std::memset(copy->to, 0, copy->bytes);
    }
  }
  copies.erase(copies.begin(), end);
  if (due > 0 && !unfenced) {
    unfenced = true;
    ++machine().unfenced;
  }
}

void wgmma(bool is_bf16, float* d, int columns, const char* a, const char* b, bool adds) {
  constexpr std::size_t block = 1024, row = 128;
  const auto rows_of = [&](const char* first, std::size_t rows) {
    const std::size_t along = reinterpret_cast<std::uintptr_t>(first) % block;
    if (along >= row || along % 32 != 0) fail("wgmma: rows that do not begin at a multiple of 1024 bytes");
    if (!machine().in_shared_memory(first - along, rows * row)) {
      fail("wgmma: rows that are not all in the block's dynamic shared memory");
    }
    return first - along;
  };
  Machine::Products& mine = machine().products();
  if (!mine.sums.contains(d)) {
    if (!mine.fenced) fail("wgmma: no wgmma_fence since the sums were in use");
    mine.sums[d].assign(d, d + columns / 2);
    std::fill(d, d + columns / 2, std::numeric_limits<float>::quiet_NaN());
  }
  if (!adds) std::fill(mine.sums[d].begin(), mine.sums[d].end(), 0.f);
  WarpgroupOperands brings{is_bf16,
                           columns,
                           rows_of(a, 64),
                           rows_of(b, static_cast<std::size_t>(columns)),
                           static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(a) % block),
                           static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(b) % block),
                           machine().thread() / warp_size % 4,
                           mine.sums[d].data(),
                           nullptr};
  meet({"wgmma"}, whole_warp, &brings, multiply_warpgroup);
  if (brings.problem != nullptr) fail(brings.problem);
  mine.products.push_back({d, brings.a, brings.b, 64 * row, static_cast<std::size_t>(columns) * row, 0});
  Machine::Product& product = mine.products.back();
  product.hash = hash_of(product);
  ++mine.groups.back();
}

void wgmma_fence() { machine().products().fenced = true; }
void wgmma_commit() { machine().products().groups.push_back(0); }

void wgmma_wait(unsigned pending) {
  Machine::Products& mine = machine().products();
  const std::size_t due = take_due(mine.groups, pending);
  const auto end = mine.products.begin() + static_cast<std::ptrdiff_t>(due);
  for (auto p = mine.products.begin(); p != end; ++p) {
    if (hash_of(*p) != p->hash) fail("wgmma: an operand was overwritten before the products were waited for");
  }
  mine.products.erase(mine.products.begin(), end);
  std::erase_if(mine.sums, [&](const auto& sums) {
    const auto adds = [&](const Machine::Product& p) { return p.d == sums.first; };
    if (std::any_of(mine.products.begin(), mine.products.end(), adds)) return false;
    std::copy(sums.second.begin(), sums.second.end(), sums.first);
    mine.fenced = false;
    return true;
  });
}

void fence_shared_for_products() {
  bool& unfenced = machine().copies().unfenced;
  if (unfenced) --machine().unfenced;
  unfenced = false;
}

}  // namespace cuda_on_host
