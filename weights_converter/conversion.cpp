#include "weights_converter/conversion.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "weights_converter/architecture.hpp"

namespace g2face::weights {
namespace {

/// The library's type for elements of the file: the same one, or for integers that it lacks i64, which widen() makes.
DType dtype_of_stored(ElementType type) {
  switch (type) {
    case ElementType::f64:
      return DType::f64;
    case ElementType::f32:
      return DType::f32;
    case ElementType::f16:
      return DType::f16;
    case ElementType::bf16:
      return DType::bf16;
    case ElementType::i32:
      return DType::i32;
    case ElementType::i64:
    case ElementType::i16:
    case ElementType::i8:
    case ElementType::u64:
    case ElementType::u32:
    case ElementType::u16:
      return DType::i64;
    case ElementType::u8:
    case ElementType::boolean:
      break;
  }
  return DType::u8;
}

/// Whether the library has exactly that type.
bool is_native(ElementType type) { return size_of(dtype_of_stored(type)) == size_of(type) && type != ElementType::u64; }

std::vector<std::string> names_of(const WeightFile& file, const ConvertOptions& options) {
  std::vector<std::string> names;
  names.reserve(file.tensors().size());
  for (const StoredTensor& t : file.tensors()) {
    std::string name = without_module(t.name);
    for (const auto& [from, to] : options.rename) {
      const std::optional<std::string_view> rest = matched(from, name);
      if (!rest) continue;
      name = filled(to, std::string(*rest));
      break;
    }
    names.push_back(std::move(name));
  }
  return names;
}

bool is_wanted(std::string_view name, const ConvertOptions& options) {
  return options.only.empty() || std::any_of(options.only.begin(), options.only.end(), [&](const std::string& network) {
           return name.starts_with(str(network, "/"));
         });
}

void take(const std::vector<Source>& sources, std::size_t source, const ConvertOptions& options, Conversion& result) {
  const WeightFile& file = *sources[source].file;
  const std::vector<std::string> names = names_of(file, options);
  std::vector<Destination> to;
  if (sources[source].mapping->face_model) {
    for (const std::string& name : names) to.push_back({name, "left out by a rename"});
  } else {
    to = destinations(*sources[source].mapping, names);
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    const StoredTensor& stored = file.tensors()[i];
    std::string reason;
    if (names[i].empty()) {
      reason = "left out by a rename";
    } else if (to[i].name.empty()) {
      reason = to[i].reason;
    } else if (!is_wanted(to[i].name, options)) {
      reason = "of a network that is not wanted";
    }
    if (!reason.empty()) {
      result.ignored.push_back({source, stored.name, reason});
      continue;
    }
    try {
      const Type type{dtype_of_stored(stored.type), Shape(std::span<const std::int64_t>(stored.shape))};
      result.taken.push_back({std::move(to[i].name), type, source, &stored, {}});
    } catch (const ShapeError& error) {
      throw CheckpointError(str(file.path(), ": ", stored.name, ": ", error.what()));
    }
  }
}

void require_one_of_each(std::vector<Taken>& taken, const std::vector<Source>& sources) {
  std::stable_sort(taken.begin(), taken.end(), [](const Taken& a, const Taken& b) { return a.name < b.name; });
  std::string twice;
  for (std::size_t i = 1; i < taken.size(); ++i) {
    const Taken &a = taken[i - 1], &b = taken[i];
    if (a.name != b.name) continue;
    twice += str(twice.empty() ? "" : ", ", a.name, " from ", a.stored->name, " of ", sources[a.source].file->path(),
                 " and from ", b.stored->name, " of ", sources[b.source].file->path());
  }
  check<CheckpointError>(twice.empty(), "given twice: ", twice,
                         ": convert the files one by one with --only, or leave names out with --rename NAME=");
}

/// What shapes do not tell, from the models of this project that have the network in question.
ModelConfig told_by_models(const std::vector<Source>& sources, const std::vector<Taken>& taken) {
  ModelConfig config;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (sources[i].facts.metadata().empty()) continue;
    const ModelConfig told = ModelConfig::of(sources[i].facts);
    const auto has = [&](std::string_view prefix) {
      return std::any_of(taken.begin(), taken.end(),
                         [&](const Taken& t) { return t.source == i && t.name.starts_with(prefix); });
    };
    if (has("generator/")) config.encoder_norm = told.encoder_norm;
    if (has("arcface/")) config.identity_crop = told.identity_crop;
    if (!has("style_mlp/")) continue;
    config.mlp_lr_mul = told.mlp_lr_mul;
    config.style_bands = told.style_bands;
  }
  return config;
}

/// What the file with the network that reads hidden bits says that it was trained on.
std::optional<PayloadBits> told_bits(const std::vector<Source>& sources, const std::vector<Taken>& taken) {
  const auto reader =
      std::ranges::find_if(taken, [](const Taken& t) { return t.stored && t.name.starts_with("hiding_extractor/"); });
  if (reader == taken.end()) return {};
  const Source& source = sources[reader->source];
  const std::optional<PayloadBits> said = trained_bits(source.facts);
  return said ? said : source.mapping->trained_bits;
}

/// The type that the model stores a float in, where a network wants f32.
DType stored_float(const Type& given, const ConvertOptions& options) {
  if (options.half && given.shape.numel() >= ConvertOptions::half_from) return *options.half;
  return given.dtype == DType::f64 ? DType::f32 : given.dtype;
}

/// Adapts types to what the networks want, adds constants, and says what does not fit.
std::string fit(Conversion& conversion, const ModelConfig& config, const ConvertOptions& options) {
  NamedTypes given, wanted;
  for (const Taken& t : conversion.taken)
    if (!t.name.starts_with("face_model/")) given.emplace(t.name, t.type);
  Expected expected = expected_of(given, config);
  for (auto& [name, declared] : expected.parameters) {
    wanted.emplace(name, declared.type);
    const bool has_constant = declared.init.kind == Init::Kind::values || name == "mapping/w_avg";
    if (given.contains(name) || !has_constant) continue;
    Tensor constant = declared.init.values ? declared.init.values : Tensor::zeros(declared.type);
    given.emplace(name, declared.type);
    conversion.taken.push_back({name, declared.type, 0, nullptr, std::move(constant)});
  }
  for (Taken& t : conversion.taken) {
    const auto found = wanted.find(t.name);
    if (found == wanted.end() || !t.stored) continue;
    const DType want = found->second.dtype;
    const bool fits = is_float(want) == is_float(t.type.dtype);
    if (!fits) continue;
    given[t.name].dtype = want;
    t.type.dtype = want == DType::f32 ? stored_float(t.type, options) : want;
  }
  conversion.fresh = std::move(expected.fresh);
  return differences(given, wanted);
}

template <class From>
void widen(std::span<const std::byte> bytes, std::vector<std::byte>& to, const std::string& name) {
  const std::size_t count = bytes.size() / sizeof(From);
  to.resize(count * sizeof(std::int64_t));
  for (std::size_t i = 0; i < count; ++i) {
    From value{};
    std::memcpy(&value, bytes.data() + i * sizeof(From), sizeof(From));
    if constexpr (sizeof(From) == sizeof(std::int64_t) && !std::is_signed_v<From>)
      check<CheckpointError>(value <= static_cast<From>(std::numeric_limits<std::int64_t>::max()), name, ": holds ",
                             value, ", which is more than an i64 can hold");
    // i8 is a number here, no character. NOLINTNEXTLINE(bugprone-signed-char-misuse)
    const auto wide = static_cast<std::int64_t>(value);
    std::memcpy(to.data() + i * sizeof(wide), &wide, sizeof(wide));
  }
}

void require_finite_halves(const Tensor& before, const Tensor& after, const std::string& name) {
  const Tensor from = before.to(DType::f32), to = after.to(DType::f32);
  const std::span<const float> a = from.as<float>(), b = to.as<float>();
  for (std::size_t i = 0; i < a.size(); ++i)
    check<CheckpointError>(!std::isfinite(a[i]) || std::isfinite(b[i]), name, ": holds ", a[i],
                           ", which is too large for ", after.dtype(), ": store bf16");
}

}  // namespace

const Mapping& mapping_for(const WeightFile& file, const ConvertOptions& options) {
  if (options.map != "auto" && options.map != "onnx") return mapping_of(options.map);
  check<WeightFileError>(options.map == "auto" || file.format() == "onnx", file.path(), ": is no ONNX file but ",
                         file.format(), ": use --map auto");
  const std::vector<std::string> names = names_of(file, options);
  const Mapping* mapping = recognise(names);
  if (mapping) return *mapping;
  std::string some;
  for (std::size_t i = 0; i < std::min<std::size_t>(names.size(), 5); ++i) some += str(i > 0 ? ", " : "", names[i]);
  throw WeightFileError(str(file.path(), ": ", names.size(), " tensors (", some, names.size() > 5 ? ", ..." : "",
                            ") that no mapping knows: look at them with 'g2face-convert inspect', and name them with "
                            "--map and --rename"));
}

Conversion prepare(const std::vector<Source>& sources, const ConvertOptions& options) {
  Conversion result;
  for (std::size_t i = 0; i < sources.size(); ++i) take(sources, i, options, result);
  check<WeightFileError>(
      !result.taken.empty(), sources.at(0).file->path(), ": nothing is left to convert",
      result.ignored.empty() ? "" : str(" (", result.ignored[0].name, ": ", result.ignored[0].reason, ")"),
      ": see 'g2face-convert inspect', --map, --only and --rename");
  require_one_of_each(result.taken, sources);
  const ModelConfig base = told_by_models(sources, result.taken);
  result.bits = told_bits(sources, result.taken);
  NamedTypes types;
  for (const Taken& t : result.taken) types.emplace(t.name, t.type);
  result.config = architecture_of(types, base);
  result.config.name = name_of(result.config);
  std::string message, unfit;
  try {
    result.config.validate();
    message = fit(result, result.config, options);
  } catch (const CheckpointError& error) {  // no architecture at all: say how far it is from the usual one
    unfit = str(error.what(), "; ");
    message = fit(result, base, options);
  }
  check<CheckpointError>(message.empty() && unfit.empty(), sources.size() == 1 ? sources[0].file->path() : "the files",
                         ": ", sources.size() == 1 ? str("read as ", sources[0].mapping->what, ": ") : "", unfit,
                         "does not fit model '", unfit.empty() ? result.config.name : base.name, "': ", message);
  return result;
}

std::span<const std::byte> contents_of(const Taken& taken, const std::vector<Source>& sources,
                                       std::vector<std::byte>& buffer) {
  if (!taken.stored) return {static_cast<const std::byte*>(taken.constant.data()), taken.constant.bytes()};
  const WeightFile& file = *sources[taken.source].file;
  const StoredTensor& stored = *taken.stored;
  const DType given = dtype_of_stored(stored.type);
  const bool same = given == taken.type.dtype && is_native(stored.type);
  if (same) {
    const std::span<const std::byte> shown = file.in_place(stored);
    if (shown.size() == stored.bytes() && !shown.empty()) return shown;
    buffer.resize(stored.bytes());
    file.read(stored, buffer);
    return buffer;
  }
  const std::string name = str(file.path(), ": ", stored.name);
  if (is_float(given)) {
    Tensor before({given, taken.type.shape});
    file.read(stored, {static_cast<std::byte*>(before.mutable_data()), before.bytes()});
    const Tensor after = before.to(taken.type.dtype);
    require_finite_halves(before, after, name);
    buffer.resize(after.bytes());
    std::memcpy(buffer.data(), after.data(), after.bytes());
    return buffer;
  }
  std::vector<std::byte> raw(stored.bytes());
  file.read(stored, raw);
  switch (stored.type) {
    case ElementType::i32:
      widen<std::int32_t>(raw, buffer, name);
      break;
    case ElementType::i16:
      widen<std::int16_t>(raw, buffer, name);
      break;
    case ElementType::i8:
      widen<std::int8_t>(raw, buffer, name);
      break;
    case ElementType::u64:
      widen<std::uint64_t>(raw, buffer, name);
      break;
    case ElementType::u32:
      widen<std::uint32_t>(raw, buffer, name);
      break;
    case ElementType::u16:
      widen<std::uint16_t>(raw, buffer, name);
      break;
    default:
      widen<std::uint8_t>(raw, buffer, name);
      break;
  }
  return buffer;
}

}  // namespace g2face::weights
