#pragma once
// What a plan consists of, and the passes that make it. Passes run in this order: lower (prune, share, expand),
// part, recompute, fuse, fuse_conv2d, fuse_sums, assign_layouts, bind, delay, hasten, write_updates, place. Each is a
// function of its own file.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "g2face/graph/op.hpp"
#include "g2face/graph/step.hpp"
#include "g2face/plan/plan.hpp"
#include "g2face/tuning.hpp"

namespace g2face {

/// Where a value lives while a plan runs.
enum class Place : std::uint8_t {
  input,      // memory of its own, written by Executor::set
  parameter,  // a tensor of Parameters
  constant,   // a tensor of the graph
  known,      // computed once, when parameters are loaded
  arena,      // at an offset of the arena
};

struct PlanValue {
  TensorDesc desc;
  Place place = Place::arena;
  std::string name;          // input and parameter: the name; others: where in the model
  Tensor tensor;             // constant
  std::size_t bytes = 0;     // in the memory of the device (the reference device holds doubles)
  std::size_t offset = 0;    // arena
  int alias_of = -1;         // shares the memory of that value (reshape, in-place steps)
  int first = 0, last = -1;  // steps between which it is alive
};

struct PlanStep {
  const OpDef* op = nullptr;
  Attrs attrs;
  std::string name;
  std::vector<int> in, out;  // PlanValues
  Step step;
  std::size_t workspace_offset = 0;  // arena
};

struct PlanData {
  PlanOptions options;
  std::vector<PlanValue> values;
  std::vector<PlanStep> load_steps;            // run once, when parameters are loaded
  std::vector<PlanStep> steps;                 // run every time
  std::map<int, int> inputs;                   // node of the planned graph -> value
  std::map<std::pair<int, int>, int> outputs;  // (node, output) of the planned graph -> value
  std::vector<std::pair<int, int>> updates;    // parameter, the value that it takes
  std::size_t arena_bytes = 0;
  std::size_t live_bytes = 0;  // the most that are alive at once
};

/// A graph on its way to a plan, with the values that matter: what each asked-for output and each input has become.
struct Lowered {
  std::unique_ptr<Graph> graph;
  std::vector<Value> outputs;      // as asked for
  std::map<int, int> input_nodes;  // of `graph` -> of the planned graph
  std::vector<bool> known;         // for each node: depends on nothing that changes between runs
};

/// The kernel of an op on a device; null where it has none.
inline auto kernel_of(const OpDef& op, const Device& device) {
  return device.kind == Device::Kind::cuda ? op.cuda : device.kind == Device::Kind::cpu ? op.cpu : nullptr;
}
/// Whether it takes the node in the layouts it likes best.
bool has_kernel(const Node& node, const std::vector<bool>& known, const PlanOptions& options);
/// The ways in which that kernel can have the operands of a node, best first; empty: all of them nchw.
std::vector<LayoutChoice> layouts_of(const Node& node, std::span<const Type> in, const PlanOptions& options);

/// Copies what the outputs need, one node for equal ones, with formulas expanded where the device has no kernel.
Lowered lower(const Graph& graph, std::span<const Value> outputs, const PlanOptions& options);
/// Marks nodes that depend on constants (and, when the plan folds, parameters) alone.
std::vector<bool> known_nodes(const Graph& graph, const PlanOptions& options);
/// Makes one node for each tensor of an optimizer's step that has one for many.
Lowered part(const Lowered& lowered, const PlanOptions& options);
/// In graphs with gradients, nodes that stand further apart than this belong to its two halves.
constexpr int far_apart = 48;
/// Computes cheap values again where readers far behind them need them, if that keeps less in memory in between.
Lowered recompute(const Lowered& lowered, const PlanOptions& options);
/// Turns elementwise ops into `pointwise` nodes, joined into chains if options.fuse.
Lowered fuse(const Lowered& lowered, const PlanOptions& options);
/// Joins convolutions with the elementwise node that alone reads them, where the device has a kernel for both.
Lowered fuse_conv2d(const Lowered& lowered, const PlanOptions& options);
/// Joins elementwise nodes with sums over the pixels of their results, where the device has a kernel for both.
Lowered fuse_sums(const Lowered& lowered, const PlanOptions& options);
/// Chooses a layout for every value and inserts reorders. chosen[n] is what the kernel of node n of the result is asked
/// to take and give; an input may carry another name for the same order of elements.
struct LaidOut {
  Lowered lowered;
  std::vector<LayoutChoice> chosen;
};
LaidOut assign_layouts(const Lowered& lowered, const PlanOptions& options);
/// Asks kernels for steps.
void bind(const LaidOut& laid_out, PlanData& plan);
/// Moves steps that make more than they use up to where their result is needed.
void delay(PlanData& plan);
/// Moves steps that use up at least as much as they make to where their operands are ready, and so the beginning of a
/// reduction over ranks.
void hasten(PlanData& plan);
/// Makes the values that parameters take lie where the parameters do, by copies at the end where nothing else can.
void write_updates(PlanData& plan);
/// Of several things, each of which was timed several times, the quickest: the first one, unless another is quicker by
/// more than their times vary.
std::size_t quickest(std::span<const std::vector<double>> seconds);
/// The quickest of these steps on the device. All of them do what the signature says, under different names. One that
/// the device refuses to run is left out, and `report` gets a line; if it refuses all, its error is thrown.
const Step& fastest(std::span<const Step> steps, const Signature& signature, const Device& device,
                    const Tuning::Report& report = {});
/// Everything that decides how fast the kernels of an op are on a device.
std::string key_of(const OpDef& op, const Attrs& attrs, const Signature& signature);
/// The one that `tuning` remembers under the key, or else the fastest, which it then remembers.
Step tuned(std::span<const Step> steps, const std::string& key, const Signature& signature, const Device& device,
           Tuning& tuning);
/// Finds lifetimes and gives every value of the arena its offset.
void place(PlanData& plan);
/// For each step the earlier ones that it has to wait for, because one of the two writes what the other reads or
/// writes. Those that are waited for anyway, by way of others, are left out.
std::vector<std::vector<int>> dependencies(const PlanData& plan);
/// The value whose memory this one has.
int root_of(const PlanData& plan, int value);

/// The step of a node: of the device's kernel, or of the reference loops. `once`: it runs when parameters are loaded,
/// and its time does not matter. Throws PlanError if there is neither.
Step make_step(const Node& node, const Signature& signature, const PlanData& plan, bool once);
/// A step that runs an op's reference loops: on doubles, or on converted copies in its workspace.
Step reference_step(const OpDef& op, const Attrs& attrs, const Signature& signature, bool memory_is_double);

/// Copies a node of another graph with these inputs, keeping its name.
Value copy_node(Graph& to, const Node& node, std::span<const Value> in);

constexpr std::size_t round_up(std::size_t n, std::size_t to = 64) { return (n + to - 1) / to * to; }

}  // namespace g2face
