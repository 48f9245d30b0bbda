#include "g2face/anonymizer.hpp"

#include <algorithm>
#include <functional>
#include <map>

#include "g2face/models/extractor.hpp"
#include "g2face/models/generator.hpp"
#include "g2face/models/identity.hpp"
#include "g2face/models/identity_network.hpp"
#include "g2face/models/lpips.hpp"
#include "g2face/models/networks.hpp"
#include "g2face/models/recon.hpp"
#include "g2face/models/trained_bits.hpp"
#include "g2face/models/trained_noise.hpp"
#include "g2face/ops.hpp"

namespace g2face {

namespace {

/// A graph with its executor, and its inputs and outputs by name.
struct Job {
  std::unique_ptr<Graph> graph = std::make_unique<Graph>();
  std::map<std::string, Value> inputs, outputs;
  std::unique_ptr<Executor> executor;
};

Tensor seed_tensor(std::uint64_t seed) {
  check<Error>(seed < (std::uint64_t{1} << 53), "seed ", seed, " is too large: give one below 2^53");
  Tensor t({DType::i64, {1}});
  t.mutable_as<std::int64_t>()[0] = static_cast<std::int64_t>(seed);
  return t;
}

}  // namespace

struct Anonymizer::State {
  Parameters parameters;
  ModelConfig config;
  AnonymizerOptions options;
  std::optional<std::uint64_t> fixed_noise;
  std::map<std::pair<std::string, std::int64_t>, Job> jobs;  // by name and batch size
  std::vector<Job*> used;                                    // by the last call

  State(Parameters p, const AnonymizerOptions& o) : parameters(std::move(p)), options(o) {
    config = ModelConfig::of(parameters);
    fixed_noise = trained_noise(parameters);
    adopt_parameters(parameters, inference_networks(), config);
  }

  /// What is not sealed are the bits of floats.
  void require_room_for_floats() const {
    check<payload::CapacityError>(config.hides_floats(), "the model hides ", config.bit_count(),
                                  " bits, and the floats of an identity of ", config.identity_dim, " values are ",
                                  32 * config.identity_dim, ": seal it, with a password or a key");
  }

  Type image_type(std::int64_t n) const { return {DType::f32, {n, 3, config.resolution, config.resolution}}; }
  Type identity_type(std::int64_t n) const { return {DType::f32, {n, config.identity_dim}}; }
  Type bits_type(std::int64_t n) const { return {DType::f32, {n, config.bit_rows(), 32}}; }

  void require_faces(const Tensor& t) const {
    const bool ok = t.shape().rank() == 4 && t.shape()[0] > 0 && t.type() == image_type(t.shape()[0]);
    check<ShapeError>(ok, "a face of ", t.type().str(), " was given; this model takes f32[N,3,", config.resolution, ",",
                      config.resolution, "]");
  }

  Job& job(const std::string& name, std::int64_t n, const std::function<void(Job&)>& build) {
    const auto [it, is_new] = jobs.try_emplace({name, n});
    Job& j = it->second;
    used.push_back(&j);
    if (!is_new) return j;
    try {
      build(j);
      std::vector<Value> outputs;
      for (const auto& [key, v] : j.outputs) outputs.push_back(v);
      const PlanOptions plan_options{.device = options.device,
                                     .precision = options.precision,
                                     .threads = options.threads,
                                     .tuning = options.tuning};
      j.executor = std::make_unique<Executor>(plan(*j.graph, outputs, plan_options), &parameters);
    } catch (...) {
      used.clear();
      jobs.erase(it);
      throw;
    }
    return j;
  }

  /// All jobs but the largest give their memory back, so that the peak is that of the largest.
  static std::map<std::string, Tensor> run(Job& j, const std::map<std::string, Tensor>& inputs, bool keep = false) {
    for (const auto& [name, tensor] : inputs) j.executor->set(j.inputs.at(name), tensor);
    j.executor->run();
    std::map<std::string, Tensor> results;
    for (const auto& [name, v] : j.outputs) {
      const Tensor t = j.executor->get(v);
      results[name] = t.dtype() == DType::f64 ? t.to(DType::f32) : t;
    }
    if (!keep) j.executor->release_memory();
    return results;
  }

  // ---- the pieces that jobs are made of ----

  struct AnalysisValues {
    Value identity, bits, coefficients;
  };
  AnalysisValues analysis(Graph& g, Value image) const {
    const Value identity = identity_network(Scope(g, "arcface"), image, config);
    return {identity, float_to_bits(identity), recon(Scope(g, "recon"), affine(image, 0.5, 0.5), config)};
  }

  struct ImaginedValues {
    Value identity, random_bits;
  };
  ImaginedValues imagination(Graph& g, std::int64_t n, Value seed) const {
    const Value z = random_normal(seed, {identity_type(n).shape, random_stream("virtual identity")});
    const Value r = random_normal(seed, {bits_type(n).shape, random_stream("bits that mean nothing")});
    return {map_2_id(Scope(g, "map_2_id"), z, config), greater(r, g.constant(Tensor::scalar(0)))};
  }

  struct ExtractedValues {
    Value logits, bits, identity;
  };
  ExtractedValues extraction(Graph& g, Value image) const {
    const Value logits = hiding_extractor(Scope(g, "hiding_extractor"), image, config);
    return {logits, greater(logits, g.constant(Tensor::scalar(0))), bits_to_float(logits, {.limit = 50})};
  }

  Value generation(Graph& g, Value image, Value identity, Value coefficients, Value bits, Value noise) const {
    const Value styles = style_mlp(Scope(g, "style_mlp"), identity, select_geometry(coefficients), config);
    return generator(Scope(g, "generator"), image, styles, bits, {.seed = noise}, config);
  }

  // ---- jobs ----

  /// On a GPU all of an anonymize or recover is one plan, queued as a whole: nothing crosses to the host in between. On
  /// the host its parts are plans of their own, so that one can give its memory back before the next begins.
  bool whole() const { return options.device.kind == Device::Kind::cuda; }

  Value image_input(Job& job, std::int64_t n) const {
    return job.inputs["image"] = job.graph->input(image_type(n), "image");
  }
  static Value seed_input(Job& job) { return job.inputs["seed"] = job.graph->input({DType::i64, {1}}, "seed"); }
  static Value noise_input(Job& job) { return job.inputs["noise"] = job.graph->input({DType::i64, {1}}, "noise"); }
  Tensor noise_tensor(std::uint64_t seed) const { return seed_tensor(fixed_noise.value_or(seed)); }

  std::map<std::string, Tensor> analyze(const Tensor& face) {
    const std::int64_t n = face.shape()[0];
    Job& j = job("analyze", n, [&](Job& made) {
      const AnalysisValues a = analysis(*made.graph, image_input(made, n));
      made.outputs = {{"identity", a.identity}, {"bits", a.bits}, {"coefficients", a.coefficients}};
    });
    return run(j, {{"image", face}});
  }

  Tensor generate(const Tensor& image, const Tensor& identity, const Tensor& coefficients, const Tensor& bits,
                  std::uint64_t seed) {
    const std::int64_t n = image.shape()[0];
    Job& j = job("generate", n, [&](Job& made) {
      Graph& g = *made.graph;
      const Value x = image_input(made, n);
      const Value e = made.inputs["identity"] = g.input(identity_type(n), "identity");
      const Value c = made.inputs["coefficients"] =
          g.input({DType::f32, {n, ModelConfig::coefficient_count}}, "coefficients");
      const Value b = made.inputs["bits"] = g.input(bits_type(n), "bits");
      made.outputs["image"] = generation(g, x, e, c, b, noise_input(made));
    });
    return run(j,
               {{"image", image},
                {"identity", identity},
                {"coefficients", coefficients},
                {"bits", bits},
                {"noise", noise_tensor(seed)}},
               true)
        .at("image");
  }

  std::map<std::string, Tensor> imagine(std::int64_t n, std::uint64_t seed) {
    Job& j = job("imagine", n, [&](Job& made) {
      const ImaginedValues v = imagination(*made.graph, n, seed_input(made));
      made.outputs = {{"identity", v.identity}, {"random_bits", v.random_bits}};
    });
    return run(j, {{"seed", seed_tensor(seed)}});
  }

  std::map<std::string, Tensor> extract(const Tensor& image) {
    const std::int64_t n = image.shape()[0];
    Job& j = job("extract", n, [&](Job& made) {
      const ExtractedValues v = extraction(*made.graph, image_input(made, n));
      made.outputs = {{"logits", v.logits}, {"bits", v.bits}, {"identity", v.identity}};
    });
    return run(j, {{"image", image}});
  }

  std::map<std::string, Tensor> anonymize_whole(const Tensor& face, const AnonymizeOptions& o) {
    const std::int64_t n = face.shape()[0];
    Job& j = job(o.recoverable ? "anonymize" : "anonymize for good", n, [&](Job& made) {
      Graph& g = *made.graph;
      const Value image = image_input(made, n), seed = seed_input(made);
      const AnalysisValues a = analysis(g, image);
      const ImaginedValues v = imagination(g, n, seed);
      const Value bits = o.recoverable ? a.bits : v.random_bits;
      made.outputs = {{"identity", a.identity},
                      {"virtual_identity", v.identity},
                      {"bits", bits},
                      {"image", generation(g, image, v.identity, a.coefficients, bits, noise_input(made))}};
    });
    return run(j, {{"image", face}, {"seed", seed_tensor(o.seed)}, {"noise", noise_tensor(o.seed)}}, true);
  }

  std::map<std::string, Tensor> recover_whole(const Tensor& image, const RecoverOptions& o) {
    const std::int64_t n = image.shape()[0];
    Job& j = job("recover", n, [&](Job& made) {
      Graph& g = *made.graph;
      const Value x = image_input(made, n);
      const ExtractedValues v = extraction(g, x);
      made.outputs = {{"identity", v.identity},
                      {"logits", v.logits},
                      {"image", generation(g, x, v.identity, analysis(g, x).coefficients, v.bits, noise_input(made))}};
    });
    return run(j, {{"image", image}, {"noise", noise_tensor(o.seed)}}, true);
  }
};

Anonymizer::Anonymizer(const std::string& model, const AnonymizerOptions& options)
    : state_([&] {
        Parameters parameters = Parameters::load(model);
        try {
          return std::make_unique<State>(std::move(parameters), options);
        } catch (const CheckpointError& error) {
          throw CheckpointError(str(model, ": ", error.what(), ": give a whole model of one architecture"));
        }
      }()) {}
Anonymizer::Anonymizer(Parameters model, const AnonymizerOptions& options)
    : state_(std::make_unique<State>(std::move(model), options)) {}
Anonymizer::~Anonymizer() = default;
Anonymizer::Anonymizer(Anonymizer&&) noexcept = default;
Anonymizer& Anonymizer::operator=(Anonymizer&&) noexcept = default;

const ModelConfig& Anonymizer::config() const { return state_->config; }

payload::ChannelMap Anonymizer::channel_map() const {
  return trained_bits(state_->parameters) == PayloadBits::floats ? payload::ChannelMap::float_positions
                                                                 : payload::ChannelMap::all;
}

bool Anonymizer::has_network(std::string_view network) const {
  const std::vector<Declared> all = declare(network, state_->config);
  return state_->parameters.contains(all.front().name);
}

Anonymized Anonymizer::anonymize(const Tensor& face, const AnonymizeOptions& options) {
  state_->used.clear();
  state_->require_faces(face);
  const bool hides = options.recoverable && options.hide;
  if (options.recoverable && !hides) state_->require_room_for_floats();
  if (state_->whole() && !hides) {
    auto r = state_->anonymize_whole(face, options);
    return {r.at("image"), r.at("identity"), r.at("virtual_identity"), r.at("bits")};
  }
  const auto analysis = state_->analyze(face);
  const auto virtual_face = state_->imagine(face.shape()[0], options.seed);
  Anonymized result;
  result.identity = analysis.at("identity");
  result.virtual_identity = virtual_face.at("identity");
  if (hides) {
    result.bits = options.hide(result.identity);
  } else {
    result.bits = options.recoverable ? analysis.at("bits") : virtual_face.at("random_bits");
  }
  result.image =
      state_->generate(face, result.virtual_identity, analysis.at("coefficients"), result.bits, options.seed);
  return result;
}

Recovered Anonymizer::recover(const Tensor& image, const RecoverOptions& options) {
  state_->used.clear();
  state_->require_faces(image);
  if (!options.reveal) state_->require_room_for_floats();
  if (state_->whole() && !options.reveal) {
    auto r = state_->recover_whole(image, options);
    return {r.at("image"), r.at("identity"), r.at("logits")};
  }
  const auto read = state_->extract(image);
  Recovered result;
  result.logits = read.at("logits");
  result.identity = options.reveal ? options.reveal(result.logits) : read.at("identity");
  const auto analysis = state_->analyze(image);
  result.image = state_->generate(image, result.identity, analysis.at("coefficients"), read.at("bits"), options.seed);
  return result;
}

Tensor Anonymizer::read_bits(const Tensor& image) {
  state_->used.clear();
  state_->require_faces(image);
  return state_->extract(image).at("logits");
}

Analysis Anonymizer::analyze(const Tensor& face) {
  state_->used.clear();
  state_->require_faces(face);
  auto r = state_->analyze(face);
  return {r.at("identity"), r.at("coefficients"), r.at("bits")};
}

Tensor Anonymizer::imagine(std::int64_t count, std::uint64_t seed) {
  state_->used.clear();
  return state_->imagine(count, seed).at("identity");
}

Tensor Anonymizer::perceptual_distance(const Tensor& a, const Tensor& b) {
  state_->used.clear();
  state_->require_faces(a);
  state_->require_faces(b);
  check<CheckpointError>(has_network("lpips"), "the model holds no network 'lpips'");
  Job& j = state_->job("lpips", a.shape()[0], [&](Job& made) {
    Graph& g = *made.graph;
    const Value x = made.inputs["a"] = g.input(state_->image_type(a.shape()[0]), "a");
    const Value y = made.inputs["b"] = g.input(state_->image_type(a.shape()[0]), "b");
    made.outputs["distance"] = lpips(Scope(g, "lpips"), x, y, state_->config);
  });
  return State::run(j, {{"a", a}, {"b", b}}).at("distance");
}

double Anonymizer::device_seconds(int runs) {
  double sum = 0;
  for (const Job* j : state_->used) {
    std::vector<double> seconds = j->executor->time(runs);
    const auto middle = seconds.begin() + runs / 2;
    std::nth_element(seconds.begin(), middle, seconds.end());
    sum += *middle;
  }
  return sum;
}

std::string Anonymizer::print_plans(bool timed) {
  std::string text;
  for (auto& [key, j] : state_->jobs) {
    text += str("plan '", key.first, "' for ", key.second, " image(s)\n");
    text += timed ? j.executor->plan().print(j.executor->profile()) : j.executor->plan().print();
  }
  return text;
}

namespace {

/// The binding of image i of a batch.
payload::Binding of_image(const payload::Binding& binding, std::int64_t i) {
  payload::Binding result = binding;
  result.face += static_cast<std::uint32_t>(i);
  return result;
}

payload::Channel channel_of(const ModelConfig& config, payload::ChannelMap map) {
  return {.bits = static_cast<std::size_t>(config.bit_count()), .map = map};
}

}  // namespace

std::function<Tensor(const Tensor&)> seal_with(payload::Sealer& sealer, const ModelConfig& config,
                                               const payload::Binding& binding, payload::ChannelMap map) {
  return [&sealer, config, binding, map](const Tensor& identities) {
    const std::int64_t n = identities.shape()[0];
    Tensor bits({DType::f32, {n, config.bit_rows(), 32}});
    const auto sealed = sealer.seal_all(identities.as<float>(), static_cast<std::size_t>(n), channel_of(config, map),
                                        [&](std::size_t i) { return of_image(binding, static_cast<std::int64_t>(i)); });
    std::ranges::copy(sealed, bits.mutable_as<float>().begin());
    return bits;
  };
}

std::function<Tensor(const Tensor&)> open_with(payload::Opener& opener, const ModelConfig& config,
                                               const payload::Binding& binding, payload::ChannelMap map,
                                               const std::function<void(const payload::Opened&)>& opened) {
  return [&opener, config, binding, map, opened](const Tensor& logits) {
    const std::int64_t n = logits.shape()[0];
    const payload::Channel channel = channel_of(config, map);
    Tensor identities({DType::f32, {n, config.identity_dim}});
    auto out = identities.mutable_as<float>().begin();
    for (std::int64_t i = 0; i < n; ++i) {
      const auto one = logits.as<float>().subspan(static_cast<std::size_t>(i) * channel.bits, channel.bits);
      const payload::Opened face =
          opener.open(one, static_cast<std::size_t>(config.identity_dim), channel, of_image(binding, i));
      out = std::copy(face.identity.begin(), face.identity.end(), out);
      if (opened) opened(face);
    }
    return identities;
  };
}

}  // namespace g2face
