// Chooses between kernels that do the same by timing them on the device.

#include <algorithm>
#include <exception>

#include "backend.hpp"
#include "g2face/error.hpp"
#include "g2face/fill.hpp"
#include "g2face/tuning.hpp"
#include "plan/block.hpp"
#include "plan/plan_data.hpp"

namespace g2face {
namespace {

constexpr int samples = 9;
constexpr double least_gain = 0.02;  // clocks of a GPU drift by about as much

/// Memory like that of an operand. A device is slower when bits change, so it holds numbers and not zeros.
std::vector<std::byte> numbers_for(const TensorDesc& d) {
  const DType stored = d.layout == Layout::nhwc_bf16  ? DType::bf16
                       : d.layout == Layout::nhwc_f16 ? DType::f16
                                                      : d.type.dtype;
  const Tensor some = fill("tune", {1 << 16}).to(stored);
  const auto* from = static_cast<const std::byte*>(some.data());
  std::vector<std::byte> all(d.bytes());
  for (std::size_t i = 0; i < all.size(); i += some.bytes()) {
    std::copy_n(from, std::min(some.bytes(), all.size() - i), all.data() + i);
  }
  return all;
}

struct OpenStream {
  OpenStream(Backend& b, const Device& device) : backend(b), stream(b.open_stream()) { stream.device = device; }
  ~OpenStream() { backend.close_stream(stream); }
  OpenStream(const OpenStream&) = delete;
  OpenStream& operator=(const OpenStream&) = delete;
  Backend& backend;
  Stream stream;
};

/// The operands of a signature, and a queue to run its steps on them.
class Trial {
 public:
  Trial(const Signature& s, std::span<const Step> steps, const Device& device)
      : backend_(backend_of(device)), open_(backend_, device), flushed_(backend_, 2 * backend_.cache_bytes()) {
    std::vector<std::vector<std::byte>> numbers;
    for (const TensorDesc& d : s.in) {
      numbers.push_back(numbers_for(d));
      in_.push_back(upload(numbers.back()));
    }
    for (const TensorDesc& d : s.out) out_.push_back(keep(Block(backend_, d.bytes())));
    std::size_t workspace = 0;
    for (const Step& step : steps) {
      workspace = std::max(workspace, step.workspace);
      calls_.push_back({&step, in_});
      for (const Packing& p : step.packings) {
        const auto i = static_cast<std::size_t>(p.input);
        std::vector<std::byte> packed(p.bytes);
        p.pack(numbers[i].data(), packed.data());
        calls_.back().in[i] = upload(packed);
      }
    }
    workspace_ = keep(Block(backend_, workspace));
  }

  /// The seconds that a step takes once, from memory: in a plan its weights are not in the cache either.
  double run(std::size_t step) {
    const std::function<void()> work[] = {[this] { backend_.fill(flushed_.data(), 0, flushed_.bytes(), stream_); },
                                          [this, step] {
                                            calls_[step].step->run({calls_[step].in, out_, workspace_}, stream_);
                                          }};
    return backend_.time(stream_, work).at(1);
  }

 private:
  struct Call {
    const Step* step;
    std::vector<const void*> in;
  };
  std::byte* keep(Block block) {
    blocks_.push_back(std::move(block));
    return blocks_.back().data();
  }
  const void* upload(const std::vector<std::byte>& from) {
    std::byte* to = keep(Block(backend_, from.size()));
    backend_.copy_in(to, from.data(), from.size(), stream_);
    return to;
  }

  Backend& backend_;
  OpenStream open_;
  Stream& stream_ = open_.stream;
  Block flushed_;
  std::vector<Block> blocks_;
  std::vector<const void*> in_;
  std::vector<void*> out_;
  std::vector<Call> calls_;
  void* workspace_ = nullptr;
};

/// In the middle, and between the quarters.
struct Times {
  double median, spread;
};
Times times_of(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  const std::size_t n = seconds.size();
  return {seconds[n / 2], seconds[3 * n / 4] - seconds[n / 4]};
}

}  // namespace

std::size_t quickest(std::span<const std::vector<double>> seconds) {
  const Times first = times_of(seconds[0]);
  std::size_t best = 0;
  double best_median = first.median;
  for (std::size_t i = 1; i < seconds.size(); ++i) {
    const Times t = times_of(seconds[i]);
    const double doubt = std::max({first.spread, t.spread, least_gain * first.median});
    if (first.median - t.median > doubt && t.median < best_median) {
      best = i;
      best_median = t.median;
    }
  }
  return best;
}

const Step& fastest(std::span<const Step> steps, const Signature& signature, const Device& device,
                    const Tuning::Report& report) {
  std::vector<std::size_t> able;  // that run at all
  std::vector<std::vector<double>> seconds;
  {
    Trial trial(signature, steps, device);
    std::exception_ptr failure;
    for (std::size_t i = 0; i < steps.size(); ++i) {  // to warm up
      try {
        trial.run(i);
        able.push_back(i);
      } catch (const DeviceError& error) {  // a library that declines its own proposal
        failure = std::current_exception();
        if (report) report(str("tuning: ", steps[i].kernel, " is left out: ", error.what()));
      }
    }
    if (able.empty()) std::rethrow_exception(failure);
    seconds.resize(able.size());
    for (int sample = 0; sample < samples; ++sample) {  // in turns, since clocks drift
      for (std::size_t i = 0; i < able.size(); ++i) seconds[i].push_back(trial.run(able[i]));
    }
  }
  return steps[able[quickest(seconds)]];
}

std::string key_of(const OpDef& op, const Attrs& attrs, const Signature& s) {
  std::string text = str(op.name, " (", attrs.str(), ")");
  for (std::size_t i = 0; i < s.in.size(); ++i) {
    text += str(" ", s.in[i].type.str(), " ", s.in[i].layout, s.known[i] ? " known" : "");
  }
  for (const TensorDesc& d : s.out) text += str(" -> ", d.type.str(), " ", d.layout);
  return str(text, ", ", name_of(s.precision));
}

Step tuned(std::span<const Step> steps, const std::string& key, const Signature& signature, const Device& device,
           Tuning& tuning) {
  if (const auto name = tuning.find(key)) {
    const auto it = std::find_if(steps.begin(), steps.end(), [&](const Step& s) { return s.kernel == *name; });
    if (it != steps.end()) return *it;
  }
  const auto report = [&](const std::string& line) { tuning.report(line); };
  const Step& chosen = fastest(steps, signature, device, report);
  tuning.remember(key, chosen.kernel);
  return chosen;
}

}  // namespace g2face
