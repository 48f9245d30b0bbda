#include "training_check.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>

#include "compare.hpp"
#include "g2face/fill.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/manifest.hpp"
#include "g2face/models/identity.hpp"
#include "g2face/models/networks.hpp"
#include "g2face/nn/adam.hpp"
#include "g2face/ops.hpp"
#include "g2face/train/schedule.hpp"
#include "g2face/train/stages.hpp"
#include "io/face_model_import.hpp"
#include "json_file.hpp"
#include "network_file.hpp"
#include "network_run.hpp"
#include "op_file.hpp"
#include "recorded.hpp"
#include "training_rows.hpp"

namespace g2face::golden {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::int64_t batch = 2;
constexpr double new_rate = 1e-3, prior_rate = 1e-4, discriminator_rate = 1e-3;  // of the authors, at full
constexpr double channel_noise = 0.01;
const double unit = std::sqrt(3.);  // a fill of this scale has variance 1

/// What the recorded networks are called here.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> networks = {
    {{"generator256", "generator"},
     {"style_mlp", "style_mlp"},
     {"map_2_id", "map_2_id"},
     {"hiding_extractor", "hiding_extractor"},
     {"discriminator256", "discriminator"},
     {"arcface_iresnet50", "arcface"},
     {"recon_resnet50", "recon"},
     {"lpips_vgg", "lpips"}}};

std::string_view ours(std::string_view recorded) {
  for (const auto& [theirs, name] : networks)
    if (theirs == recorded) return name;
  throw FormatError(str("unknown network '", recorded, "'"));
}

Tensor number(double value, DType dtype) { return Tensor::full({dtype, {1}}, value); }

/// A graph with what is asked of it: results by their recorded names, gradients of parameters, updates.
struct StagePlan {
  Graph graph;
  std::map<std::string, Tensor> inputs;
  std::map<std::string, Value> input_values;
  std::map<std::string, Value> results;
  std::map<std::string, std::vector<Value>> gradients;  // by recorded network, in the order of its rows
  std::vector<Update> updates;

  Value input(const std::string& name, Tensor tensor) {
    const Value v = graph.input(tensor.type(), name);
    inputs[name] = std::move(tensor);
    return input_values[name] = v;
  }
};

/// The results of a run, by name.
struct StageRun {
  std::map<std::string, Tensor> results;
  std::map<std::string, std::vector<Tensor>> gradients;
};

StageRun run_stage(const StagePlan& s, const DeviceParameters& parameters, const Arithmetic& arithmetic) {
  std::vector<Value> outputs;
  for (const auto& [name, value] : s.results) outputs.push_back(value);
  for (const auto& [network, values] : s.gradients) outputs.insert(outputs.end(), values.begin(), values.end());
  Executor executor(plan(s.graph, outputs, s.updates,
                         {.device = arithmetic.device,
                          .precision = arithmetic.precision,
                          .threads = arithmetic.threads,
                          .fold = false}),
                    parameters);
  for (const auto& [name, value] : s.input_values) executor.set(value, s.inputs.at(name));
  executor.run();
  StageRun run;
  for (const auto& [name, value] : s.results) run.results[name] = executor.get(value);
  for (const auto& [network, values] : s.gradients)
    for (const Value v : values) run.gradients[network].push_back(executor.get(v));
  return run;
}

class TrainStep {
 public:
  TrainStep(const fs::path& tensors, const NetworkFolders& folders, const NetworkOptions& options)
      : recorded_(Parameters::load(tensors)),
        description_(description_of(tensors, recorded_.all())),
        arithmetic_(options.arithmetic) {
    const auto& metadata = recorded_.all().metadata();
    const auto tag = metadata.find("tag");
    check<FormatError>(tag != metadata.end(), "the metadata have no 'tag'");
    tag_ = tag->second;
    const std::string named = description_.at("face_model").get<std::string>();
    const fs::path model = fs::absolute(tensors).parent_path().parent_path() / named.substr(0, named.find(' '));
    const Parameters face = io::import_face_model(model.string());
    face_ = FaceModel::of(face);
    for (const auto& [name, tensor] : face) start_.set(name, tensor);
    for (const auto& [theirs, name] : networks) {
      const Parameters made = load_manifest((folders.manifests / str(theirs, ".json")).string(), str(name, "/"));
      for (const auto& [full, tensor] : made) start_.set(full, tensor);
    }
    adopt_parameters(start_, network_names(), config_);
    for (const auto& [network, names] : description_.at("parameter_order").items())
      for (const json& entry : names) {
        const std::string name = str(ours(network), "/", entry.get<std::string>());
        start_.set("adam/second/" + name, Tensor::zeros(start_.at(name).type()));
      }
    images_ = photo_and_picture(real_image(folders, fs::absolute(tensors).parent_path()));
  }

  void run(CaseResult& result) {
    check_rates();
    const DeviceParameters trained(arithmetic_.device, start_);
    const StageRun anonymized = check_anonymize(trained);
    {
      const DeviceParameters untouched(arithmetic_.device, start_);
      check_recover("recon_first", anonymized, untouched);
    }
    const StageRun recovered = check_recover("recon", anonymized, trained);
    // Recovering leaves Map2ID alone. The extractor's statistics of the anonymizing stage were recorded after both:
    // they are the numbers of the recovering one.
    for (const char* stage : {"recon_first", "recon"}) compare_statistics(stage, "map_2_id", trained);
    compare_statistics("anon", "hiding_extractor", trained);
    check_discriminate(anonymized, recovered, trained);
    recorded_.require_all_asked();
    result.findings = std::move(findings_);
    result.not_compared = not_compared_;
  }

 private:
  const Tensor& want(const std::string& name) { return recorded_.want(name); }
  Tensor made(const std::string& name, const Shape& shape) const {
    return fill(str(tag_, "/train/", name), shape, unit);
  }
  Tensor photo_and_picture(const Tensor& photo) const {
    const Tensor picture = make_image(str(tag_, "/train/image"), 1);
    Tensor both({DType::f32, photo.shape().with(0, batch)});
    const std::span<float> out = both.mutable_as<float>();
    std::ranges::copy(photo.as<float>(), out.begin());
    std::ranges::copy(picture.as<float>(), out.begin() + photo.numel());
    return both;
  }

  // ---- limits ----

  /// What depends on the first step, in which rounding decides the signs of some elements: agrees to a few percent.
  static bool after_a_step(const std::string& name) {
    return name.starts_with("recon.") || name.starts_with("disc_other_fake.");
  }
  double recorded_noise(const std::string& name) const {
    const auto& all = description_.at("float32_rel_diff");
    return 10 * all.value(name, 0.);
  }
  double limit(const std::string& name) const {
    const bool rough = arithmetic_.rough();
    const std::string what = name.substr(name.find('.') + 1);
    if (what.starts_with("loss")) {
      const bool of_landmarks = what.ends_with("geometry") || what.ends_with("landmark_loss");
      const double base = rough ? 1e-2 : after_a_step(name) ? 1e-3 : of_landmarks ? 1e-4 : 1e-5;
      return std::max(base, after_a_step(name) ? recorded_noise(name) : 0);
    }
    if (what.starts_with("dimage") && what.ends_with(".stats")) return after_a_step(name) ? 5e-2 : 5e-3;
    if (what.starts_with("dimage")) return std::max(1e-2, recorded_noise(name));
    // The discriminator's fake comes from the stages before it.
    const NetworkLimits limits = network_limits(arithmetic_, 3);
    if (what.starts_with("bn.hiding_extractor") && !name.starts_with("recon_first.")) return 1e-3;  // see run()
    if (what.starts_with("bn.")) return limits.stage;
    return std::max(limits.stage, after_a_step(name) ? std::max(3e-3, recorded_noise(name)) : 0);
  }
  TrainingLimits row_limits(const std::string& stage) const {
    if (after_a_step(stage + ".")) return {.norm = 5e-2, .sample = 2e-1, .step = 1, .sure = 0.2};
    // Winograd convolutions round four times as much.
    if (arithmetic_.precision == Precision::fast) return {.norm = 4e-3, .sample = 2e-2, .recorded = 40};
    return {};
  }

  // ---- comparing ----

  void near(const std::string& name, const Tensor& got) {
    const std::vector<double> expected = doubles(want(name)), values = doubles(got);
    check<ShapeError>(values.size() == expected.size(), name, " has ", values.size(), " elements, expected ",
                      expected.size());
    findings_.push_back({name, relative_l2(values, expected), limit(name)});
  }
  void sampled(const std::string& name, const Tensor& got) {
    const std::vector<double> values = doubles(got), s = doubles(want(name + ".stats"));
    check<FormatError>(s.size() == 5, name, ".stats has ", s.size(), " elements, expected 5");
    findings_.push_back({name + ".stats", statistics_error(statistics(values), {s[0], s[1], s[2], s[3], s[4]}),
                         limit(name + ".stats")});
    const std::vector<double> expected = doubles(want(name + ".sample"));
    findings_.push_back({name + ".sample",
                         relative_l2(scattered_sample(values, static_cast<std::int64_t>(expected.size())), expected),
                         limit(name + ".sample")});
  }
  void is_zero(const std::string& name) {
    check<FormatError>(doubles(want(name)) == std::vector<double>{0}, name, " is not 0, as it must be here");
  }

  void check_rates() {
    const Schedule schedule;
    near("lr.before_first_epoch", Tensor::from({2}, {static_cast<float>(new_rate * schedule.factor(0)),
                                                     static_cast<float>(prior_rate * schedule.factor(0))}));
    near("lr.epoch1", Tensor::from({2}, {static_cast<float>(new_rate * schedule.factor(1)),
                                         static_cast<float>(prior_rate * schedule.factor(1))}));
  }

  std::vector<std::string> order(std::string_view network) const {
    return description_.at("parameter_order").at(std::string(network)).get<std::vector<std::string>>();
  }
  static double rate_of(const std::string& name) {
    const double factor = Schedule{}.factor(1);
    if (name.starts_with("discriminator/")) return discriminator_rate;
    return factor * (is_prior(name) ? prior_rate : new_rate);
  }

  /// Gradients of the loss for the rows of these networks, and a step of Adam with them.
  void train(StagePlan& s, Value loss, std::initializer_list<std::pair<std::string_view, const Scope*>> trained,
             int step) const {
    std::vector<Value> parameters;
    for (const auto& [network, scope] : trained) {
      std::map<std::string, Value, std::less<>> by_name;
      for (const Declared& d : scope->declared())
        if (d.trainable) by_name[d.name] = d.value;
      for (const std::string& row : order(network)) {
        const auto found = by_name.find(str(ours(network), "/", row));
        check<FormatError>(found != by_name.end(), "network '", network, "' does not train '", row, "'");
        parameters.push_back(found->second);
        by_name.erase(found);
      }
      check<FormatError>(by_name.empty(), "network '", network, "' trains '",
                         by_name.empty() ? "" : by_name.begin()->first, "', of which nothing is recorded");
    }
    const std::vector<Value> slopes = gradients(loss, parameters);
    std::size_t at = 0;
    std::map<double, AdamGroup> groups;
    for (const auto& [network, scope] : trained)
      for (std::size_t rows = order(network).size(); rows > 0; --rows, ++at) {
        s.gradients[std::string(network)].push_back(slopes[at]);
        AdamGroup& group = groups[rate_of(s.graph.node(parameters[at]).name)];
        group.parameters.push_back(parameters[at]);
        group.gradients.push_back(slopes[at]);
      }
    std::vector<AdamGroup> list;
    for (auto& [rate, group] : groups) {
      group.rate = s.input(str("rate ", rate), number(rate, DType::f32));
      list.push_back(std::move(group));
    }
    const Scope optimizer(s.graph, "adam");
    s.updates = adam_updates(optimizer, s.input("step", number(step, DType::i64)), list);
  }

  void compare_tables(const std::string& stage, const StageRun& run, const DeviceParameters* stepped) {
    for (const auto& [network, gradients] : run.gradients) {
      ParameterTables tables{stage, network, order(network), {}};
      const auto degenerate = description_.at("degenerate_parameters").at(network).get<std::vector<std::string>>();
      std::vector<Tensor> parameters;
      std::vector<double> rates;
      for (const std::string& row : tables.names) {
        tables.degenerate.push_back(std::ranges::find(degenerate, row) != degenerate.end());
        const std::string name = str(ours(network), "/", row);
        rates.push_back(rate_of(name));
        if (stepped) parameters.push_back(stepped->get(name));
      }
      for (const char* what : {".grad_l2.", ".grad_sample."}) want(str(stage, what, network));
      want(str(stage, ".grad_l2.", network, ".float32"));
      if (stepped) want(str(stage, ".param_sample.", network));
      if (arithmetic_.rough()) {
        not_compared_ += tables.names.size();
        continue;
      }
      compare_gradients(tables, recorded_.all(), gradients, row_limits(stage), findings_);
      const std::vector<std::string> earlier =
          stage == "recon" ? std::vector<std::string>{"anon"} : std::vector<std::string>{};
      if (stepped)
        compare_parameters(tables, recorded_.all(), earlier, parameters, rates, row_limits(stage), findings_);
    }
  }
  /// Running statistics of a network after a stage.
  void compare_statistics(const std::string& stage, std::string_view network, const DeviceParameters& parameters) {
    const std::string prefix = str(stage, ".bn.", network, ".");
    for (const auto& [name, unused] : recorded_.all()) {
      if (name.starts_with(prefix)) near(name, parameters.get(str(ours(network), "/", name.substr(prefix.size()))));
    }
  }
  void compare_results(const std::string& stage, const StageRun& run) {
    for (const auto& [name, tensor] : run.results) {
      if (name.starts_with("-")) continue;  // for the stages to come
      const std::string full = str(stage, ".", name);
      if (arithmetic_.rough() && name.starts_with("dimage")) {
        want(full + ".stats"), want(full + ".sample");
        ++not_compared_;
      } else if (recorded_.all().contains(full)) {
        near(full, tensor);
      } else {
        sampled(full, tensor);
      }
    }
  }

  // ---- stages ----

  GeneratorNoise noise(StagePlan& s, const std::string& prefix) const {
    GeneratorNoise noise;
    for (const auto& [layer, size] : generator_noise(config_)) {
      const std::string name = str(prefix, "/", layer);
      noise.values.push_back(s.input(name, made(name, {batch, 1, size, size})));
    }
    return noise;
  }
  Channel channel(StagePlan& s) const {
    Tensor n = made("hiding_noise", images_.shape());
    for (float& x : n.mutable_as<float>()) x *= static_cast<float>(channel_noise);
    const Value disturbance = s.input("channel noise", n);
    return [disturbance](Value image) { return image + disturbance; };
  }
  Value bits(StagePlan& s, const std::string& stage) { return s.input("bits", want(stage + ".bits").to(DType::f32)); }
  Value one_of_each_band(Value styles) const {
    const auto& bands = config_.style_bands;
    return gather(styles, 1, {0, bands[0], bands[0] + bands[1]});
  }

  /// Losses, under their recorded names, and their slopes at the picture.
  void add_losses(StagePlan& s, const GeneratedFace& face) const {
    std::map<std::string_view, Value> term;
    for (const LossTerm& t : face.losses) term[t.name] = t.value;
    const LossWeights w;
    s.results["loss_item.shape_loss"] = term.at("shape") / w.shape;
    s.results["loss_item.landmark_loss"] = term.at("landmarks") / w.landmarks;
    s.results["loss_item.color_loss"] = term.at("colours") / w.colours;
    s.results["loss_item.l1_loss"] = term.at("l1");
    s.results["loss_item.lpips_loss"] = term.at("lpips");
    s.results["loss_item.gen_loss"] = term.at("adversarial");
    s.results["loss_item.hiding_loss"] = term.at("hiding") / w.hiding;
    std::map<std::string, Value> sums = {{"geometry", term.at("shape") + term.at("landmarks") + term.at("colours")},
                                         {"pixel", term.at("l1") + term.at("lpips")},
                                         {"adv", term.at("adversarial")},
                                         {"hiding", term.at("hiding")},
                                         {"id", term.at("identity")}};
    if (term.contains("consistency")) sums["id_gen_consist"] = term.at("consistency");
    for (const auto& [name, value] : sums) {
      s.results["loss." + name] = value;
      s.results["dimage." + name] = gradients(value, {face.image})[0];
    }
    if (term.contains("diversity")) s.results["loss.id_dummy_diversity"] = term.at("diversity");
    s.results["loss.total"] = face.loss;
    s.results["image"] = face.image;
    s.results["shape"] = face.geometry.shape;
    s.results["color"] = face.geometry.colours;
    s.results["logits"] = face.logits;
  }

  StageRun check_anonymize(const DeviceParameters& parameters) {
    StagePlan s;
    const TrainingNetworks n(s.graph, config_, face_);
    const AnonymizeStage stage = anonymize_stage(n,
                                                 {.image = s.input("image", images_),
                                                  .z = s.input("z", made("rand_z", {batch, config_.identity_dim})),
                                                  .bits = bits(s, "anon"),
                                                  .noise = noise(s, "noise_anon"),
                                                  .channel = channel(s)},
                                                 {});
    add_losses(s, stage.generated);
    s.results["ori_id"] = stage.identity;
    s.results["ori_coeff"] = stage.coefficients;
    s.results["ori_lm"] = stage.geometry.landmarks;
    s.results["ori_shape"] = stage.geometry.shape;
    s.results["ori_color"] = stage.geometry.colours;
    s.results["rand_id"] = stage.virtual_identity;
    s.results["style"] = one_of_each_band(stage.generated.styles);
    s.results["anon_coeff"] = stage.generated.coefficients;
    s.results["anon_lm"] = stage.generated.geometry.landmarks;
    s.results["anon_id"] = stage.generated.identity;
    const Tensor source = made("hiding_src_anon", {batch, config_.bit_rows()});
    s.results["bits"] = float_to_bits(s.input("source of bits", source));
    train(s, stage.generated.loss,
          {{"generator256", &n.generator},
           {"style_mlp", &n.style_mlp},
           {"map_2_id", &n.map_2_id},
           {"hiding_extractor", &n.hiding_extractor}},
          1);
    for (const Update& u : n.updates()) s.updates.push_back(u);
    StageRun run = run_on(s, parameters);
    compare_results("anon", run);
    compare_tables("anon", run, &parameters);
    compare_statistics("anon", "map_2_id", parameters);
    return run;
  }

  StageRun check_recover(const std::string& stage, const StageRun& anonymized, const DeviceParameters& parameters) {
    StagePlan s;
    const TrainingNetworks n(s.graph, config_, face_);
    const auto earlier = [&](const std::string& name, const char* from) {
      return s.input(name, anonymized.results.at(from).to(DType::f32));
    };
    const Value identity = earlier("identity", "ori_id");
    const GeneratedFace face = recover_stage(n,
                                             {.image = s.input("image", images_),
                                              .original_identity = identity,
                                              .original_coefficients = earlier("coefficients", "ori_coeff"),
                                              .anonymized = earlier("anonymized", "image"),
                                              .identity = identity,
                                              .coefficients = earlier("coefficients of anonymized", "anon_coeff"),
                                              .bits = bits(s, stage),
                                              .noise = noise(s, "noise_recon"),
                                              .channel = channel(s)},
                                             {});
    add_losses(s, face);
    s.results["style"] = one_of_each_band(face.styles);
    s.results["coeff"] = face.coefficients;
    s.results["lm"] = face.geometry.landmarks;
    s.results["id"] = face.identity;
    const Tensor source = made("hiding_src_recon", {batch, config_.bit_rows()});
    s.results["bits"] = float_to_bits(s.input("source of bits", source));
    check<FormatError>(n.map_2_id.declared().empty(), "recovering uses Map2ID");
    for (const char* what : {".grad_l2.map_2_id", ".grad_l2.map_2_id.float32", ".grad_sample.map_2_id"})
      for (const double x : doubles(want(stage + what)))
        check<FormatError>(std::isnan(x) || x == 0, stage, what, " has a number, where there is no gradient");
    train(s, face.loss,
          {{"generator256", &n.generator}, {"style_mlp", &n.style_mlp}, {"hiding_extractor", &n.hiding_extractor}},
          stage == "recon" ? 2 : 1);
    for (const Update& u : n.updates()) s.updates.push_back(u);
    StageRun run = run_on(s, parameters);
    compare_results(stage, run);
    compare_tables(stage, run, stage == "recon" ? &parameters : nullptr);
    if (stage == "recon") compare_idle(stage, parameters);
    compare_statistics(stage, "hiding_extractor", parameters);
    return run;
  }

  /// Map2ID has no gradient when recovering, and stays as the anonymizing stage left it.
  void compare_idle(const std::string& stage, const DeviceParameters& parameters) {
    const std::vector<std::string> names = order("map_2_id");
    ParameterTables tables{"anon", "map_2_id", names, std::vector<bool>(names.size(), false)};
    const std::string now = stage + ".param_sample.map_2_id";
    check<FormatError>(doubles(want(now)) == doubles(want("anon.param_sample.map_2_id")), now,
                       " is not what it was before the stage");
    if (arithmetic_.rough()) return;
    std::vector<Tensor> tensors;
    for (const std::string& name : names) tensors.push_back(parameters.get("map_2_id/" + name));
    compare_parameters(tables, recorded_.all(), {}, tensors, std::vector<double>(names.size(), rate_of("map_2_id/")),
                       {}, findings_);
  }

  void check_discriminate(const StageRun& anonymized, const StageRun& recovered, const DeviceParameters& parameters) {
    const auto build = [&](StagePlan& s, const StageRun& fake, bool with_r1) {
      const TrainingNetworks n(s.graph, config_, face_);
      const Value real = s.input("real", images_);
      const DiscriminateStage stage =
          discriminate_stage(n, real, s.input("fake", fake.results.at("image").to(DType::f32)), with_r1, {});
      s.results["loss.disc_loss"] = stage.loss;
      s.results["loss.real_loss"] = stage.real_loss;
      s.results["loss.fake_loss"] = stage.fake_loss;
      if (!with_r1) return;
      const Value slope = gradients(sum(stage.real_logits), {real})[0];
      s.results["loss.grad_penalty_loss"] = stage.r1;
      s.results["real_pred"] = stage.real_logits;
      s.results["fake_pred"] = stage.fake_logits;
      s.results["dreal_image"] = slope;
      s.results["r1_per_sample"] = sum(square(slope), {.axes = {1, 2, 3}});
      train(s, stage.loss, {{"discriminator256", &n.discriminator}}, 1);
    };
    {
      StagePlan s;
      build(s, recovered, false);
      compare_results("disc_other_fake", run_on(s, parameters));
      is_zero("disc_other_fake.loss.grad_penalty_loss");
    }
    StagePlan s;
    build(s, anonymized, true);
    const StageRun run = run_on(s, parameters);
    compare_results("disc", run);
    compare_tables("disc", run, &parameters);
  }

  StageRun run_on(const StagePlan& s, const DeviceParameters& parameters) const {
    return run_stage(s, parameters, arithmetic_);
  }

  ModelConfig config_;
  Recorded recorded_;
  Parameters start_;
  json description_;
  Arithmetic arithmetic_;
  std::string tag_;
  FaceModel face_;
  Tensor images_;
  std::vector<Finding> findings_;
  std::size_t not_compared_ = 0;
};

}  // namespace

void check_train_step(const fs::path& tensors, const NetworkFolders& folders, const NetworkOptions& options,
                      CaseResult& result) {
  TrainStep(tensors, folders, options).run(result);
}

void check_schedule(const fs::path& path, CaseResult& result) {
  const json file = load_json(path);
  const json& rows = file.at("rows");
  check<FormatError>(rows.is_array() && !rows.empty(), path.string(), ": 'rows' is no list of epochs");
  const Schedule schedule;
  for (const json& row : rows) {
    check<FormatError>(row.is_array() && row.size() == 3, path.string(), ": a row is not [epoch, rate, rate]");
    const int epoch = row[0].get<int>();
    const double factor = schedule.factor(epoch);
    const std::vector<double> got = {new_rate * factor, prior_rate * factor};
    result.findings.push_back(
        {str("epoch ", epoch), relative_l2(got, {row[1].get<double>(), row[2].get<double>()}), 1e-12});
  }
}

}  // namespace g2face::golden
