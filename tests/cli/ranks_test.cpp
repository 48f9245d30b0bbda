// g2face train on several processes, which mpirun starts.

#ifdef G2FACE_MPIRUN

#include <cstring>

#include "cli/program.hpp"
#include "g2face/device.hpp"
#include "g2face/train/checkpoint.hpp"

using namespace g2face;
using namespace g2face::test;

namespace {

struct Training {
  TemporaryFolder folder;
  fs::path dir = folder.path();
  static constexpr const char* config = R"({"model": "g2face-slim-64", "architecture": {
      "resolution": 16, "channels": {"4": 8, "8": 8, "16": 8}, "style_bands": [2, 2, 2], "style_dim": 16,
      "extractor_width": 8, "extractor_blocks": 1, "arcface_size": 16},
      "batch": 4, "weights": {"lpips": 0}, "r1_interval": 2, "report_every": 1, "sample_every": 4,
      "checkpoint_every": 100, "steps": 4, "samples": 3, "data_threads": 1})";

  Training() {
    write_text(dir / "train.json", config);
    fs::create_directory(dir / "faces");
    for (int i = 0; i < 6; ++i)
      save_image((dir / "faces" / str(i, ".png")).string(), g2face::fill(str("train/", i), Shape{1, 3, 20, 20}, 0.9));
  }
  std::string in(const std::string& name) const { return str("'", (dir / name).string(), "'"); }
  std::string arguments(const std::string& run, const std::string& more) const {
    return "train --untrained --data " + in("faces") + " -o " + in(run) + " " + more;
  }
  /// The command on that many ranks. MPI does not free all it has, which is not ours to check.
  std::string command(int ranks, const std::string& run, const std::string& more) const {
    return str("env ASAN_OPTIONS=detect_leaks=0 '" G2FACE_MPIRUN "' --allow-run-as-root --oversubscribe --bind-to none",
               " --mca btl_vader_single_copy_mechanism none -n ", ranks, ' ', program(arguments(run, more)));
  }
  Outcome train(int ranks, const std::string& run, const std::string& more) const {
    return run_shell(command(ranks, run, more));
  }
  Checkpoint checkpoint(const std::string& run, int step) const {
    return load_checkpoint((dir / run / str("checkpoints/step-0000000", step, ".safetensors")).string());
  }
  std::string bytes(const std::string& name) const { return read_text(dir / name); }
};

/// The losses of a run, step by step, without the speed.
std::string losses_of(const std::string& log) {
  std::string all;
  for (std::size_t at = log.find("step "); at != std::string::npos; at = log.find("\nstep ", at + 1)) {
    const std::size_t colon = log.find(':', at), end = log.find('\n', colon);
    all += log.substr(colon, end - colon);
  }
  return all;
}

/// As far as both logs go.
void check_same_losses(const std::string& log, const std::string& other) {
  std::istringstream a(losses_of(log)), b(losses_of(other));
  std::string x, y;
  int numbers = 0;
  while (a >> x && b >> y) {
    char* end = nullptr;
    const double value = std::strtod(x.c_str(), &end);
    if (*end != '\0') {
      CHECK(x == y);
      continue;
    }
    CHECK(std::strtod(y.c_str(), nullptr) == doctest::Approx(value).epsilon(2e-3));
    ++numbers;
  }
  CHECK(numbers > 10);
}

}  // namespace

TEST_CASE("train: two ranks, stopped and resumed, leave the bytes of a whole run") {
  const Training t;
  Outcome r = t.train(2, "whole", "--config " + t.in("train.json"));
  INFO(r.text);
  REQUIRE(r.code == 0);
  CHECK(r.text.find("step 4/4, ") == r.text.rfind("step 4/4, "));  // one of them speaks
  CHECK(fs::exists(t.dir / "whole/samples/step-00000004.png"));
  REQUIRE(t.train(2, "parts", "--steps 2 --config " + t.in("train.json")).code == 0);
  r = t.train(2, "parts", "--resume --steps 4");
  INFO(r.text);
  REQUIRE(r.code == 0);
  CHECK(r.says("going on after step 2"));
  const Checkpoint whole = t.checkpoint("whole", 4), parts = t.checkpoint("parts", 4);
  CHECK(whole.state == parts.state);
  REQUIRE(whole.parameters.size() == parts.parameters.size());
  for (const auto& entry : whole.parameters)
    CHECK_MESSAGE(std::memcmp(entry.second.data(), parts.parameters.at(entry.first).data(), entry.second.bytes()) == 0,
                  entry.first);

  // One process takes the same steps: its first losses print the same four digits, or neighbours of the last one.
  REQUIRE(run_program(t.arguments("one", "--steps 1 --config " + t.in("train.json"))).code == 0);
  check_same_losses(t.bytes("one/log.txt"), t.bytes("whole/log.txt"));

  // So do two ranks on GPUs, or with their kernels on the host.
  if (Device::cuda_count() == 0) return;
  r = t.train(2, "cuda", "--steps 1 --device cuda --precision strict --config " + t.in("train.json"));
  INFO(r.text);
  REQUIRE(r.code == 0);
  check_same_losses(t.bytes("cuda/log.txt"), t.bytes("whole/log.txt"));
}

TEST_CASE("train: a signal to one rank stops both after the same step") {
  const Training t;
  const Outcome r =
      run_shell(str(t.command(2, "run", "--steps 100000 --config " + t.in("train.json")),
                    " & M=$!; for i in $(seq 600); do ", "grep -q 'step 3/' ", t.in("run/log.txt"),
                    " 2>/dev/null && break; sleep 0.1; done; ", "kill -TERM $(pgrep -P $M g2face | tail -1); wait $M"));
  INFO(r.text);
  CHECK(r.code == 130);
  CHECK(r.says("interrupted: go on with --resume"));
  int checkpoints = 0;
  for (const auto& entry : fs::directory_iterator(t.dir / "run/checkpoints"))
    checkpoints += entry.path().extension() == ".safetensors" ? 1 : 0;
  CHECK(checkpoints == 1);
  CHECK(t.train(2, "run", "--resume --steps 1").says("nothing to do: "));
}

TEST_CASE("train: an error of ranks ends all of them") {
  const Training t;
  const Outcome r = t.train(3, "run", "--config " + t.in("train.json"));
  INFO(r.text);
  CHECK(r.code == 2);
  CHECK(r.says("\"batch\" is 4, which cannot be shared equally by 3 ranks"));
  CHECK_FALSE(fs::exists(t.dir / "run"));
}

#endif
