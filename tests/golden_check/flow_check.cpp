#include "flow_check.hpp"

#include <algorithm>
#include <cmath>

#include "compare.hpp"
#include "g2face/eval/metrics.hpp"
#include "g2face/image.hpp"
#include "g2face/models/identity.hpp"
#include "g2face/ops.hpp"
#include "images.hpp"
#include "network_file.hpp"
#include "network_run.hpp"
#include "op_file.hpp"
#include "recorded.hpp"

namespace g2face::golden {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr double identity_limit = 50;
constexpr double metric_limit = 1e-5;
constexpr int networks_in_a_row = 3;

/// A network that stays planned, to be run on one input after another.
class Runner {
 public:
  Runner(const std::string& network, const NetworkFolders& folders, const Arithmetic& arithmetic)
      : weights_(Weights::make(folders.manifests, network)), n_(network), arithmetic_(arithmetic) {}

  /// Inputs by the names that the network's adapter asks for.
  Tensor operator()(const InputSource& source) {
    InputTensors tensors;
    if (!executor_) {
      const FoundNetwork found = find_network(n_.name);
      check<FormatError>(found.adapter != nullptr, "unknown network '", n_.name, "'");
      found.adapter->build(n_, found.number, source, tensors);
      executor_.emplace(prepare(n_.graph, {n_.out}, weights_, arithmetic_));
    } else {
      NetworkGraph again(n_.name);
      const FoundNetwork found = find_network(n_.name);
      found.adapter->build(again, found.number, source, tensors);
    }
    set_inputs(*executor_, n_, tensors);
    executor_->run();
    return executor_->get(n_.out).to(DType::f32);
  }
  Tensor operator()(const InputTensors& tensors) {
    return (*this)([&](const std::string& input, const Surroundings&) { return tensors.at(input); });
  }
  const ModelConfig& config() const { return n_.config; }

 private:
  Weights weights_;
  NetworkGraph n_;
  Arithmetic arithmetic_;
  std::optional<Executor> executor_;
};

/// A few ops on one tensor.
Tensor compute(const Tensor& x, const Arithmetic& arithmetic, const std::function<Value(Value)>& f) {
  Graph graph;
  const Value in = graph.input({DType::f32, x.shape()}, "x");
  const Value out = f(in);
  Executor executor = prepare(graph, {out}, Weights{}, arithmetic);
  executor.set(in, x.to(DType::f32));
  executor.run();
  return executor.get(out).to(DType::f32);
}

/// What is shown of a picture: -1..1.
Tensor shown(const Tensor& image) {
  Tensor clipped = image.clone();
  for (float& x : clipped.mutable_as<float>()) x = std::clamp(x, -1.f, 1.f);
  return clipped;
}

/// "a/b|c/d" with alternative 1 is "a/c/d".
std::string with_alternative(const std::string& expression, std::size_t which) {
  const std::size_t bar = expression.find('|');
  if (bar == std::string::npos) return expression;
  const std::size_t begin = expression.find_last_of("/(", bar) + 1;
  const std::size_t end = std::min(expression.find_first_of("/,", bar), expression.size());
  std::string_view rest = std::string_view(expression).substr(begin, end - begin);
  for (; which > 0; --which) {
    const std::size_t next = rest.find('|');
    check<FormatError>(next != std::string_view::npos, "'", expression, "' has too few alternatives");
    rest.remove_prefix(next + 1);
  }
  return str(std::string_view(expression).substr(0, begin), rest.substr(0, rest.find('|')),
             std::string_view(expression).substr(end));
}

class Flow {
 public:
  Flow(const fs::path& tensors, const NetworkFolders& folders, const NetworkOptions& options)
      : recorded_(Parameters::load(tensors)),
        description_(description_of(tensors, recorded_.all())),
        folders_(folders),
        arithmetic_(options.arithmetic),
        limits_(network_limits(options.arithmetic, networks_in_a_row)) {}

  void run(CaseResult& result) {
    const Tensor image = the_image();
    identify(image);
    anonymize(image);
    extract();
    recover(image);
    compare_pictures(image);
    recorded_.require_all_asked();
    result.findings = std::move(findings_);
    result.note = std::move(note_);
  }

 private:
  const Tensor& want(const std::string& name) { return recorded_.want(name); }
  std::string text(const char* key) const {
    const auto it = description_.find(key);
    check<FormatError>(it != description_.end() && it->is_string(), "'", key, "' is missing or no text");
    return it->get<std::string>();
  }
  Runner network(const std::string& name) const { return {name, folders_, arithmetic_}; }

  void near(const std::string& name, const Tensor& got) {
    const Tensor expected = want(name);
    check<ShapeError>(same_shape(got.shape(), expected.shape()), name, " has shape ", got.shape(), ", expected ",
                      expected.shape());
    findings_.push_back({name, relative_l2(doubles(got), doubles(expected)), limits_.output});
  }
  /// Relative errors of a few percent say little, and so rough arithmetic is also judged by what people see.
  void near_picture(const std::string& name, const Tensor& got) {
    near(name, got);
    if (!arithmetic_.rough()) return;
    const double quality = psnr(shown(got), shown(want(name)));
    remark(name, " PSNR ", std::round(10 * quality) / 10, " dB");
    findings_.push_back({name + " (1 / PSNR)", std::pow(10, -quality / 20), std::pow(10, -least_psnr / 20)});
  }
  void near_identity(const std::string& name, const Tensor& got) {
    near(name, got);
    if (!arithmetic_.rough()) return;
    const double likeness = cosine(got, want(name));
    remark(name, " cosine ", std::round(1e6 * likeness) / 1e6);
    findings_.push_back({name + " (1 - cosine)", 1 - likeness, 1 - least_cosine});
  }
  template <class... T>
  void remark(const T&... parts) {
    note_ += str(note_.empty() ? "" : ", ", parts...);
  }
  void same(const std::string& name, const Tensor& got, double share = 0) {
    findings_.push_back({name, share_of_differences(doubles(got), doubles(want(name))), share});
  }
  void metric(const std::string& name, double got) {
    const double limit = arithmetic_.rough() ? 1e-2 : metric_limit;
    findings_.push_back({name, std::abs(got - want(name).item()), limit});
  }

  /// The recorded picture, which must be that of the file.
  Tensor the_image() {
    const Tensor image = image_of_bytes(want("image_u8"));
    same("image_u8", stretched_back(load_image(folders_.images / text("image"))));
    return image;
  }
  static Tensor stretched_back(const Tensor& image) {
    const Shape& s = image.shape();
    Tensor bytes(Type{DType::u8, {s[2], s[3], 3}});
    const auto from = image.as<float>();
    const auto to = bytes.mutable_as<std::uint8_t>();
    const std::size_t pixels = to.size() / 3;
    for (std::size_t i = 0; i < to.size(); ++i)
      to[i % pixels * 3 + i / pixels] = static_cast<std::uint8_t>(std::lround((from[i] + 1) * 127.5f));
    return bytes;
  }

  void identify(const Tensor& image) {
    {
      Runner arcface = network("arcface_iresnet50");
      id_ori_ = arcface({{"image", image}});
    }
    near_identity("id_ori", id_ori_);
    Runner recon = network("recon_resnet50");
    coeff_ori_ = recon({{"image", zero_to_one(image)}});
    near("coeff_ori", coeff_ori_);
    bits_ = want("bits").to(DType::f32);
    same("bits", compute(want("id_ori"), arithmetic_, [](Value x) { return float_to_bits(x); }));
  }

  Tensor zero_to_one(const Tensor& image) const {
    Surroundings around;
    around.real_image = [&] { return image; };
    return evaluate("(real image+1)/2", around);
  }

  void anonymize(const Tensor& image) {
    Runner map = network("map_2_id");
    const Tensor rand_id = map({{"z", evaluate(text("z"), {})}});
    near("rand_id", rand_id);
    generator_.emplace("generator256", folders_, arithmetic_);
    styles_.emplace("style_mlp", folders_, arithmetic_);
    image_anon_ = generate(image, style("style_anon", rand_id, coeff_ori_), 0);
    near_picture("image_anon", image_anon_);
    // The networks see the image as it is, not clipped.
    Runner arcface = network("arcface_iresnet50");
    id_anon_ = arcface({{"image", image_anon_}});
    near_identity("id_anon", id_anon_);
    Runner recon = network("recon_resnet50");
    coeff_anon_ = recon({{"image", zero_to_one(image_anon_)}});
    near("coeff_anon", coeff_anon_);
  }

  void extract() {
    Runner extractor = network("hiding_extractor");
    const Tensor logits = extractor({{"image", image_anon_}});
    near("logits", logits);
    findings_.push_back(
        {"logits (largest)", max_abs_difference(doubles(logits), doubles(want("logits"))), limits_.logit});
    const Tensor extracted = want("extracted_bits");
    const Tensor bits = compute(logits, arithmetic_, [](Value x) { return round(sigmoid(x)); });
    same("extracted_bits", bits, limits_.bits);
    if (arithmetic_.rough()) {
      const double flipped = share_of_differences(doubles(bits), doubles(extracted));
      const auto all = static_cast<double>(bits.shape().numel());
      remark(std::lround(flipped * all), " of ", all, " bits flipped");
    }
    same("decoded_raw", compute(extracted, arithmetic_, [](Value x) { return bits_to_float(x); }));
    const auto decode = [](Value x) { return bits_to_float(x, {.limit = identity_limit}); };
    same("decoded", compute(extracted, arithmetic_, decode));
    same("decoded_perfect", compute(bits_, arithmetic_, decode));
  }

  void recover(const Tensor& image) {
    image_recover_ = generate(image_anon_, style("style_recover", want("decoded"), coeff_anon_), 1);
    near_picture("image_recover", image_recover_);
    const Tensor style_perfect = style("style_recover_perfect", want("decoded_perfect"), coeff_anon_);
    near_picture("image_recover_perfect", generate(image_anon_, style_perfect, 2));
    Runner arcface = network("arcface_iresnet50");
    const Tensor id_recover = arcface({{"image", image_recover_}});
    near_identity("id_recover", id_recover);

    metric("metric.any_sim", cosine(id_ori_, id_anon_));
    metric("metric.rec_sim", cosine(id_ori_, id_recover));
    metric("metric.bit_correct", 1 - share_of_differences(doubles(want("bits")), doubles(want("extracted_bits"))));
    const std::vector<double> a = doubles(image), b = doubles(image_recover_);
    double difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i) difference += std::abs(a[i] - b[i]);
    metric("metric.mae", difference / static_cast<double>(a.size()));
  }

  /// The styles of all layers. One layer of each band is recorded.
  Tensor style(const std::string& name, const Tensor& identity, const Tensor& coefficients) {
    const Tensor geometry = compute(coefficients, arithmetic_, [](Value x) { return select_geometry(x); });
    const Tensor styles = (*styles_)({{"id", identity}, {"shape", geometry}});
    const auto& bands = styles_->config().style_bands;
    near(name, compute(styles, arithmetic_, [&](Value x) { return gather(x, 1, {0, bands[0], bands[0] + bands[1]}); }));
    return styles;
  }

  /// With the bits of the original and the noise of that place in the description.
  Tensor generate(const Tensor& image, const Tensor& styles, std::size_t noise) {
    const std::string expression = with_alternative(text("noise"), noise);
    return (*generator_)([&](const std::string& input, const Surroundings& around) {
      if (input == "noise") return evaluate(expression, around);
      return input == "image" ? image : input == "style" ? styles : bits_;
    });
  }

  /// Rounding to 8 bit may tip over where a value is near the middle between two levels.
  void compare_pictures(const Tensor& image) {
    compare_picture("saved_ori", stretched_bytes(image, false));
    compare_picture("saved_any", stretched_bytes(image_anon_, true));
    compare_picture("saved_rec", stretched_bytes(image_recover_, true));
  }
  void compare_picture(const std::string& name, const Tensor& got) {
    same(name, got, limits_.grey_levels);
    findings_.push_back({name + " (levels)", max_abs_difference(doubles(got), doubles(want(name))), limits_.levels});
  }

  Recorded recorded_;
  json description_;
  const NetworkFolders& folders_;
  Arithmetic arithmetic_;
  NetworkLimits limits_;
  std::optional<Runner> generator_, styles_;
  Tensor id_ori_, coeff_ori_, bits_, image_anon_, id_anon_, coeff_anon_, image_recover_;
  std::vector<Finding> findings_;
  std::string note_;
};

}  // namespace

bool is_flow(const fs::path& tensors) {
  const json d = description_of(tensors, Parameters::load(tensors));
  return d.is_object() && d.contains("z") && d.contains("noise") && d.contains("image");
}

void check_flow(const fs::path& tensors, const NetworkFolders& folders, const NetworkOptions& options,
                CaseResult& result) {
  Flow(tensors, folders, options).run(result);
}

}  // namespace g2face::golden
