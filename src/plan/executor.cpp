#include "g2face/plan/executor.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "backend.hpp"
#include "plan/block.hpp"
#include "plan/device_parameter_data.hpp"
#include "plan/plan_data.hpp"

namespace g2face {

namespace {

struct Call {
  std::vector<const void*> in;
  std::vector<void*> out;
  void* workspace = nullptr;
};

}  // namespace

struct Executor::State {
  Plan plan;
  Backend& backend;
  const Parameters* parameters = nullptr;
  std::shared_ptr<DeviceParameterData>
      shared;            // instead: parameters where they lie, and the stream of all who use them
  bool doubles = false;  // the reference device
  Stream stream;

  Block own_arena;  // unless executors share one
  std::byte* arena = nullptr;
  std::map<int, Block> blocks;                 // by value: inputs, known values, converted parameters
  std::map<int, Tensor> tensors;               // parameters and constants that are read where they are, on the host
  std::vector<bool> read_by_steps;             // values, by root, that some step reads as they are, not packed
  std::map<std::pair<int, int>, Block> packs;  // by step and packing
  std::map<int, bool> is_set;                  // inputs
  std::vector<Call> calls;
  std::shared_ptr<void> recording;  // of all calls, where the device records

  explicit State(Plan p, std::shared_ptr<DeviceParameterData> s = nullptr)
      : plan(std::move(p)),
        backend(backend_of(plan.data().options.device)),
        shared(std::move(s)),
        stream(shared ? shared->stream : backend.open_stream()) {
    stream.device = plan.data().options.device;
    doubles = stream.device.kind == Device::Kind::reference;
  }
  ~State() {
    if (!shared) {
      backend.close_stream(stream);
      return;
    }
    try {
      backend.finish(stream);  // before memory goes that it may still use
    } catch (const Error&) {   // whoever uses the stream next is told
    }
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  const PlanData& data() const { return plan.data(); }
  bool shares_arena() const { return shared && arena != nullptr && arena == shared->arena.data(); }
  const PlanValue& value(int v) const { return data().values[static_cast<std::size_t>(v)]; }
  int root(int v) const {
    while (value(v).alias_of >= 0) v = value(v).alias_of;
    return v;
  }
  DType memory_dtype(const PlanValue& v) const { return doubles ? DType::f64 : v.desc.type.dtype; }

  void* address(int v) const {
    const int r = root(v);
    if (value(r).place == Place::arena) return arena + value(r).offset;
    if (const auto it = blocks.find(r); it != blocks.end()) return it->second.data();
    if (const auto it = tensors.find(r); it != tensors.end()) return const_cast<void*>(it->second.data());
    if (shared && value(r).place == Place::parameter) return shared->tensors.at(value(r).name).memory.data();
    return nullptr;
  }

  /// Writes a tensor to memory of the device, in the dtype that it has there.
  void write(const Tensor& tensor, const PlanValue& v, void* to) {
    if (backend.on_host()) {
      convert(tensor.data(), tensor.dtype(), to, memory_dtype(v), tensor.numel());
    } else {
      const Tensor converted = tensor.dtype() == memory_dtype(v) ? tensor : tensor.to(memory_dtype(v));
      backend.copy_in(to, converted.data(), converted.bytes(), stream);
    }
  }
  /// A value as row-major elements on the host.
  Tensor read(const PlanValue& v, const void* from) {
    Tensor tensor({memory_dtype(v), v.desc.type.shape});
    backend.copy_out(tensor.mutable_data(), from, tensor.bytes(), stream);
    return tensor;
  }

  void bind_leaf(int v, const Tensor& tensor) {
    const PlanValue& leaf = value(v);
    const bool stays_on_host = backend.on_host() || !read_by_steps[static_cast<std::size_t>(v)];
    if (stays_on_host && memory_dtype(leaf) == tensor.dtype()) {
      tensors[v] = tensor;
      return;
    }
    if (!blocks.contains(v)) blocks[v] = Block(backend, leaf.bytes);
    write(tensor, leaf, blocks[v].data());
  }

  /// Fills the memory of values that step s read last with NaN, so that a later read of them shows.
  void poison_dead(int s) {
    for (const PlanValue& v : data().values) {
      if (v.place != Place::arena || v.alias_of >= 0 || v.last != s) continue;
      backend.fill(arena + v.offset, 0xff, v.bytes, stream);
    }
  }

  /// Packs a value; packing itself is work of the host.
  Block packed(const Packing& packing, int v) {
    Block block(backend, packing.bytes);
    if (backend.on_host()) {
      packing.pack(address(v), block.data());
      return block;
    }
    std::vector<std::byte> source, result(packing.bytes);
    if (!tensors.contains(root(v))) {
      source.resize(value(v).bytes);
      backend.copy_out(source.data(), address(v), source.size(), stream);
    }
    packing.pack(source.empty() ? address(v) : source.data(), result.data());
    backend.copy_in(block.data(), result.data(), result.size(), stream);
    return block;
  }

  void find_reads();
  void bind_leaves();
  void load();
  void bind_calls();
  void prepare();
  void run_step(std::size_t s) {
    const Call& call = calls[s];
    data().steps[s].step.run({call.in, call.out, call.workspace}, stream);
  }
  std::vector<std::function<void()>> work() {
    std::vector<std::function<void()>> pieces;
    for (std::size_t s = 0; s < calls.size(); ++s) pieces.emplace_back([this, s] { run_step(s); });
    return pieces;
  }
  bool all_finite(const PlanValue& v, const void* from);
};

bool Executor::State::all_finite(const PlanValue& v, const void* from) {
  const auto finite = [](auto values) {
    return std::all_of(values.begin(), values.end(), [](auto x) { return std::isfinite(x); });
  };
  const DType dtype = memory_dtype(v);
  if (is_narrow(v.desc.layout)) {
    Tensor stored({v.desc.layout == Layout::nhwc_bf16 ? DType::bf16 : DType::f16, v.desc.type.shape});
    backend.copy_out(stored.mutable_data(), from, stored.bytes(), stream);
    return finite(stored.to(DType::f32).as<float>());
  }
  if (dtype != DType::f32 && dtype != DType::f64) return true;
  const Tensor values = read(v, from);
  return dtype == DType::f64 ? finite(values.as<double>()) : finite(values.as<float>());
}

void Executor::State::find_reads() {
  read_by_steps.assign(data().values.size(), false);
  const auto read = [this](int v) { read_by_steps[static_cast<std::size_t>(root(v))] = true; };
  for (const std::vector<PlanStep>* steps : {&data().load_steps, &data().steps}) {
    for (const PlanStep& step : *steps) {
      for (std::size_t i = 0; i < step.in.size(); ++i) {
        const auto& packings = step.step.packings;
        const auto takes = [i](const Packing& p) { return static_cast<std::size_t>(p.input) == i; };
        if (std::none_of(packings.begin(), packings.end(), takes)) read(step.in[i]);
      }
    }
  }
  for (const auto& [key, v] : data().outputs) read(v);
}

void Executor::State::bind_leaves() {
  std::map<std::string, std::string> problems;  // by name
  for (std::size_t i = 0; i < data().values.size(); ++i) {
    const int v = static_cast<int>(i);
    const PlanValue& leaf = data().values[i];
    if (leaf.alias_of >= 0) continue;
    if (leaf.place == Place::constant) bind_leaf(v, leaf.tensor);
    if (leaf.place == Place::input && !blocks.contains(v)) blocks[v] = Block(backend, leaf.bytes);
    if (leaf.place != Place::parameter) continue;
    if (shared) {
      const auto it = shared->tensors.find(leaf.name);
      if (it == shared->tensors.end()) {
        problems[leaf.name] = "is missing";
      } else if (it->second.type != leaf.desc.type) {
        problems[leaf.name] = str("is ", it->second.type.str(), ", expected ", leaf.desc.type.str());
      }
    } else if (parameters == nullptr || !parameters->contains(leaf.name)) {
      problems[leaf.name] = "is missing";
    } else if (const Tensor& t = parameters->at(leaf.name); t.shape() != leaf.desc.type.shape) {
      problems[leaf.name] = str("is ", t.shape(), ", expected ", leaf.desc.type.shape);
    } else {
      bind_leaf(v, t);
    }
  }
  std::string list;
  for (const auto& [name, problem] : problems) list += str(list.empty() ? "" : "; ", name, " ", problem);
  check<CheckpointError>(problems.empty(), "the parameters do not fit the plan: ", list);
}

/// Runs the load steps, packs what kernels want packed, and keeps only what runs read.
void Executor::State::load() {
  std::map<int, int> remaining;                    // uses by load steps and packings, by root
  std::map<int, bool> kept;                        // read by runs as it is
  std::multimap<int, std::pair<int, int>> wanted;  // root -> step, packing
  for (const PlanStep& s : data().load_steps) {
    for (const int v : s.in) ++remaining[root(v)];
  }
  for (std::size_t s = 0; s < data().steps.size(); ++s) {
    const PlanStep& step = data().steps[s];
    std::vector<bool> packed(step.in.size(), false);
    for (std::size_t p = 0; p < step.step.packings.size(); ++p) {
      const auto i = static_cast<std::size_t>(step.step.packings[p].input);
      packed[i] = true;
      const int r = root(step.in[i]);
      ++remaining[r];
      wanted.emplace(r, std::pair(static_cast<int>(s), static_cast<int>(p)));
    }
    for (std::size_t i = 0; i < step.in.size(); ++i) {
      if (!packed[i]) kept[root(step.in[i])] = true;
    }
  }
  for (const auto& [key, v] : data().outputs) kept[root(v)] = true;

  const auto forget = [&](int r) {
    const Place place = value(r).place;
    if (--remaining[r] > 0 || kept[r] || place == Place::input) return;
    if (place == Place::parameter && !data().options.fold) return;
    if (place == Place::parameter && tensors.contains(r)) parameters->release_pages(tensors.at(r));
    blocks.erase(r);
    tensors.erase(r);
  };
  const auto pack = [&](int r) {
    const auto [begin, end] = wanted.equal_range(r);
    for (auto it = begin; it != end; ++it) {
      const auto [s, p] = it->second;
      const Packing& packing = data().steps[static_cast<std::size_t>(s)].step.packings[static_cast<std::size_t>(p)];
      packs[{s, p}] = packed(packing, r);
    }
    for (auto it = begin; it != end; ++it) forget(r);
  };

  for (std::size_t i = 0; i < data().values.size(); ++i) {
    const int v = static_cast<int>(i);
    if (value(v).alias_of < 0 && (value(v).place == Place::parameter || value(v).place == Place::constant)) pack(v);
  }
  for (const PlanStep& s : data().load_steps) {
    std::vector<Block> own_packs;
    std::vector<const void*> in;
    std::vector<void*> out;
    for (const int v : s.in) in.push_back(address(v));
    for (const Packing& p : s.step.packings) {
      own_packs.push_back(packed(p, s.in[static_cast<std::size_t>(p.input)]));
      in[static_cast<std::size_t>(p.input)] = own_packs.back().data();
    }
    for (const int v : s.out) {
      blocks[v] = Block(backend, value(v).bytes);
      out.push_back(blocks[v].data());
    }
    const Block workspace(backend, s.step.workspace);
    s.step.run({in, out, workspace.data()}, stream);
    backend.finish(stream);  // before its workspace goes
    for (const int v : s.out) {
      pack(v);
      if (remaining[v] == 0 && !kept[v]) blocks.erase(v);
    }
    for (const int v : s.in) forget(root(v));
  }
  if (parameters == nullptr || !data().options.fold) return;
  // Runs read large parameters where they are. Reading a small one there would keep a dozen pages of neighbours.
  for (auto& [v, tensor] : tensors) {
    if (tensor.bytes() < std::size_t{1} << 18) tensor = tensor.clone();
  }
  parameters->release_pages();
}

void Executor::State::bind_calls() {
  calls.clear();
  for (std::size_t s = 0; s < data().steps.size(); ++s) {
    const PlanStep& step = data().steps[s];
    Call call;
    for (const int v : step.in) call.in.push_back(address(v));
    for (std::size_t p = 0; p < step.step.packings.size(); ++p) {
      call.in[static_cast<std::size_t>(step.step.packings[p].input)] =
          packs.at({static_cast<int>(s), static_cast<int>(p)}).data();
    }
    for (const int v : step.out) call.out.push_back(address(v));
    call.workspace = step.step.workspace > 0 ? arena + step.workspace_offset : nullptr;
    calls.push_back(std::move(call));
  }
}

void Executor::State::prepare() {
  find_reads();
  bind_leaves();
  load();
  if (shared && shared->arena.bytes() >= data().arena_bytes) {
    arena = shared->arena.data();
  } else {
    own_arena = Block(backend, data().arena_bytes);
    arena = own_arena.data();
  }
  bind_calls();
}

Executor::Executor(Plan plan, const Parameters* parameters) : state_(std::make_unique<State>(std::move(plan))) {
  check<PlanError>(state_->data().updates.empty(), "a plan that updates parameters runs on DeviceParameters");
  state_->parameters = parameters;
  state_->prepare();
}

Executor::Executor(Plan plan, const DeviceParameters& parameters)
    : state_(std::make_unique<State>(std::move(plan), parameters.data())) {
  const PlanOptions& options = state_->data().options;
  check<PlanError>(!options.fold, "a plan that folds parameters does not see them change on the device");
  check<PlanError>(options.device == parameters.data()->device, "the plan is for ", options.device,
                   ", but the parameters are on ", parameters.data()->device);
  state_->prepare();
}

Executor::~Executor() = default;
Executor::Executor(Executor&&) noexcept = default;
Executor& Executor::operator=(Executor&&) noexcept = default;

const Plan& Executor::plan() const { return state_->plan; }

void Executor::set(Value input, const Tensor& tensor) {
  const auto it = state_->data().inputs.find(input.node);
  if (it == state_->data().inputs.end()) {
    const Node& node = input.graph->node(input);
    check<GraphError>(node.op == &input_op, "set: '", node.name, "' is a ", node.op->name, ", not an input");
    return;  // an input that no output depends on
  }
  const PlanValue& value = state_->value(it->second);
  check<ShapeError>(tensor.type() == value.desc.type, "input '", value.name, "' is ", value.desc.type.str(),
                    " and was given ", tensor.type().str());
  state_->write(tensor, value, state_->address(it->second));
  state_->is_set[it->second] = true;
}

void Executor::run(const RunOptions& options) {
  State& s = *state_;
  s.backend.enter();  // another executor may have left the thread on another device
  if (s.shares_arena()) s.shared->arena_holds = &s;
  for (const auto& [node, v] : s.data().inputs) {
    check<GraphError>(s.is_set[v], "run: input '", s.value(v).name, "' was never set");
  }
  if (!s.data().options.fold && s.parameters != nullptr) {
    s.bind_leaves();  // an optimizer may have replaced tensors
    if (s.backend.on_host()) s.bind_calls();
  }
  if (s.backend.records() && !options.poison && !options.check_finite) {
    if (!s.recording) s.recording = s.backend.record(s.stream, s.work(), dependencies(s.data()));
    return s.backend.replay(s.recording.get(), s.stream);
  }
  if (options.poison && s.data().arena_bytes > 0) s.backend.fill(s.arena, 0xff, s.data().arena_bytes, s.stream);
  for (std::size_t i = 0; i < s.calls.size(); ++i) {
    s.run_step(i);
    const PlanStep& step = s.data().steps[i];
    if (options.check_finite) {
      for (std::size_t o = 0; o < step.out.size(); ++o) {
        check<Error>(s.all_finite(s.value(step.out[o]), s.calls[i].out[o]), step.op->name, " '", step.name, "' (",
                     step.step.kernel, ") gave a value that is not finite");
      }
    }
    if (options.poison) s.poison_dead(static_cast<int>(i));
  }
}

void Executor::release_memory() {
  State& s = *state_;
  (s.shares_arena() ? s.shared->arena : s.own_arena).forget();
  if (s.parameters != nullptr) s.parameters->release_pages();
}

std::vector<double> Executor::profile() {
  run();
  return state_->backend.time(state_->stream, state_->work());
}

std::vector<double> Executor::time(int runs) {
  const std::vector<std::function<void()>> work(static_cast<std::size_t>(runs), [this] { run(); });
  return state_->backend.time(state_->stream, work);
}

Tensor Executor::get(Value output) const {
  const auto it = state_->data().outputs.find({output.node, output.output});
  check<GraphError>(it != state_->data().outputs.end(), "get: '", output.graph->node(output).name,
                    "' is not an output of the plan");
  check<GraphError>(!state_->shares_arena() || state_->shared->arena_holds == state_.get(),
                    "get: another executor has run since, in the memory that they share");
  const PlanValue& value = state_->value(it->second);
  const Tensor tensor = state_->read(value, state_->address(it->second));
  const bool keep = tensor.dtype() == value.desc.type.dtype || is_float(value.desc.type.dtype);
  return keep ? tensor : tensor.to(value.desc.type.dtype);
}

}  // namespace g2face
