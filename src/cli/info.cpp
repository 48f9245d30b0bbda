// g2face info: what a picture carries for its recovery, as far as everybody may know it.

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "cli/carriers.hpp"
#include "cli/common.hpp"
#include "cli/secrets.hpp"
#include "io/json_text.hpp"

namespace g2face::cli {

namespace {

struct Options {
  CommonOptions common;
  std::vector<std::string> files;
  std::string model, map = "model";
};

std::string counted(std::size_t n, const char* what) { return str(n, " ", what, n == 1 ? "" : "s"); }

/// A carrier as text and as JSON.
struct Line {
  std::string text;
  io::JsonObject json;
};

Line describe(const SideData& side) {
  Line line;
  line.json.set("carrier", side.carrier).set("bytes", static_cast<std::int64_t>(side.bytes.size()));
  try {
    const payload::SideInfo info = payload::side_info(side.bytes);
    const bool erased = info.locks() == 0;
    line.text = str(side.carrier, ": side data ", info.version, ", ", side.bytes.size(), " bytes, ",
                    info.exact ? "exact" : "identity alone", ", ",
                    erased ? "erased: nobody can open it"
                           : str("for ", counted(info.passwords, "password"), ", ", counted(info.keys, "key file"),
                                 ", ", counted(info.recipients, "recipient")),
                    info.pixels ? ", and the pixels hold a payload too" : "", ", model ", info.model);
    line.json.set("version", std::int64_t{info.version})
        .set("exact", info.exact)
        .set("pixels_too", info.pixels)
        .set("erased", erased)
        .set("passwords", static_cast<std::int64_t>(info.passwords))
        .set("keys", static_cast<std::int64_t>(info.keys))
        .set("recipients", static_cast<std::int64_t>(info.recipients))
        .set("body_bytes", static_cast<std::int64_t>(info.body_bytes))
        .set("model", info.model);
  } catch (const payload::NotAuthentic& e) {
    line.text = str(side.carrier, ": ", e.what());
    line.json.set("damaged", e.what());
  }
  return line;
}

Line describe_pixels(const Tensor& logits, const ModelConfig& config, payload::ChannelMap map) {
  const payload::Channel channel{.bits = static_cast<std::size_t>(config.bit_count()), .map = map};
  const auto lock = payload::find_lock(logits.as<float>(), static_cast<std::size_t>(config.identity_dim), channel);
  Line line;
  line.json.set("carrier", "pixels").set("visible", lock.has_value());
  line.text = "pixels: no payload that shows without its secret";
  if (lock) {
    line.text = lock->password ? "pixels: a payload for a password"
                               : str("pixels: a payload for ", counted(lock->recipients, "recipient"));
    line.json.set("passwords", std::int64_t{lock->password ? 1 : 0})
        .set("recipients", static_cast<std::int64_t>(lock->recipients));
  }
  return line;
}

int run(const Options& o) {
  std::optional<Anonymizer> anonymizer;
  if (const auto model = named_model(o.model)) anonymizer.emplace(model->string(), resolve(o.common));
  return for_each_file(o.files, [&](const std::string& path) {
    const std::vector<std::uint8_t> file = read_picture(path);
    std::vector<Line> lines;
    for (const SideData& side : find_side_data(path, file)) lines.push_back(describe(side));
    if (!is_side_file(file)) {
      const Tensor picture = decode_picture(file, path);  // also to say if it is none
      if (anonymizer) {
        const Tensor face = face_of(picture, path, anonymizer->config());
        lines.push_back(
            describe_pixels(anonymizer->read_bits(face), anonymizer->config(), channel_map(o.map, *anonymizer)));
      }
    }
    if (o.common.json) {
      io::JsonObject json;
      json.set("file", path).set_list("carriers");
      for (Line& line : lines) json.add("carriers", std::move(line.json));
      std::cout << json.str() << "\n";
      return;
    }
    if (lines.empty()) std::cout << path << ": carries no side data; --model looks into the pixels\n";
    for (const Line& line : lines) std::cout << path << ": " << line.text << "\n";
  });
}

}  // namespace

void add_info(CLI::App& app, int& code) {
  CLI::App* command = app.add_subcommand("info", "Show what pictures carry for their recovery, without any secret");
  const auto o = std::make_shared<Options>();
  command->add_option("files", o->files, "pictures or side files")->required();
  command->add_option("--model", o->model, "look into the pixels of aligned crops too (or environment G2FACE_MODEL)");
  add_payload_map_option(*command, o->map);
  add_common_options(*command, o->common);
  command->callback([o, &code] { code = run(*o); });
}

}  // namespace g2face::cli
