#include "g2face/train/checkpoint.hpp"

#include <doctest/doctest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstring>
#include <thread>

#include "g2face/fill.hpp"
#include "g2face/models/config.hpp"
#include "io/atomic_file.hpp"
#include "io/child_process.hpp"
#include "io/temporary_folder.hpp"

using namespace g2face;
using test::message_of;
using test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

/// Tensors that tell the step, and of `kib` kibibytes.
Parameters tensors(std::int64_t step, std::int64_t kib = 1) {
  Parameters p;
  p.set("generator/w", g2face::fill(str("w", step), {256 * kib}));
  p.set("adam/step", Tensor::full({DType::i64, {1}}, static_cast<double>(step)));
  ModelConfig::preset("g2face-slim-64").store(p);
  return p;
}

TrainingState state_of(std::int64_t step) {
  TrainingState s;
  s.step = step;
  s.images = 16 * step;
  s.seed = 7;
  return s;
}

bool is_whole(const Checkpoint& c) {
  const Parameters expected = tensors(c.state.step, c.parameters.at("generator/w").numel() / 256);
  for (const auto& [name, tensor] : expected) {
    const Tensor& got = c.parameters.at(name);
    if (got.type() != tensor.type() || std::memcmp(got.data(), tensor.data(), tensor.bytes()) != 0) return false;
  }
  return c.state == state_of(c.state.step);
}

std::string text_of(const fs::path& file) {
  const auto bytes = test::read_bytes(file);
  return {bytes.begin(), bytes.end()};
}

using Steps = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("checkpoint: state and tensors come back exactly") {
  const TemporaryFolder folder;
  CheckpointStore store((folder / "run/checkpoints").string());
  CHECK_FALSE(store.newest());
  CHECK_FALSE(store.best());
  TrainingState s;
  s.step = 123456789;
  s.images = std::int64_t{1} << 52;
  s.epoch = 3;
  s.seed = (std::uint64_t{1} << 53) - 1;
  s.score = 0.1 + 0.2;
  s.dataset = "12-ab";
  s.configuration = "{\n  \"name\": \"\u00fc\"\n}";
  store.save(tensors(1), s);
  const auto c = store.newest();
  REQUIRE(c);
  CHECK(c->state == s);
  CHECK(c->file == (folder / "run/checkpoints").string() + "/step-123456789.safetensors");
  CHECK(c->parameters.size() == 2);
  CHECK(ModelConfig::of(c->parameters).name == "g2face-slim-64");
  CHECK(store.best()->state == s);

  // Equal states give equal bytes.
  const auto before = test::read_bytes(c->file);
  store.save(c->parameters, c->state);
  CHECK(test::read_bytes(c->file) == before);
}

TEST_CASE("checkpoint: the newest and the best stay") {
  const TemporaryFolder folder;
  CheckpointStore store(folder.path().string(), 2);
  for (const std::int64_t step : {10, 20, 30, 40, 50}) {
    TrainingState s = state_of(step);
    s.score = std::abs(static_cast<double>(step) - 21);
    store.save(tensors(step), s);
  }
  CHECK(store.steps() == Steps{20, 40, 50});
  CHECK(store.newest()->state.step == 50);
  CHECK(store.best()->state.step == 20);
  CHECK(text_of(folder / "last") == "step-00000050.safetensors\n");
  CHECK(text_of(folder / "best") == "step-00000020.safetensors\n");
  CHECK(folder.file_count() == 5);

  TrainingState s = state_of(60);
  s.score = 0.5;
  store.save(tensors(60), s);
  CHECK(store.steps() == Steps{50, 60});
  CHECK(store.best()->state.step == 60);
  store.save(tensors(70), state_of(70));  // nobody knows how good
  CHECK(store.best()->state.step == 60);
  CHECK_THROWS_WITH_AS(CheckpointStore("x", 0), "checkpoints: keep is 0, expected 1 at least", Error);
}

TEST_CASE("checkpoint: what cannot be loaded is passed over with a message, and set aside in time") {
  const TemporaryFolder folder;
  std::vector<std::string> said;
  CheckpointStore store(folder.path().string(), 2, [&](const std::string& line) { said.push_back(line); });
  for (const std::int64_t step : {1, 2, 3}) store.save(tensors(step), state_of(step));
  const fs::path newest = folder / "step-00000003.safetensors";
  fs::resize_file(newest, fs::file_size(newest) - 1);
  REQUIRE(store.newest());
  CHECK(store.newest()->state.step == 2);
  REQUIRE(said.size() == 2);
  CHECK(said[0].starts_with(newest.string() + ": "));
  CHECK(said[0].find("is it truncated?: is passed over") != std::string::npos);

  // The run goes on from step 2, in steps that come before the damaged one.
  CheckpointStore again(folder.path().string(), 1, [&](const std::string& line) { said.push_back(line); });
  said.clear();
  TrainingState s = state_of(2);
  again.save(tensors(2), s);
  CHECK(again.steps() == Steps{2});
  CHECK(fs::exists(folder / "step-00000003.safetensors.abandoned"));
  CHECK(said ==
        std::vector<std::string>{newest.string() + ": is of a later step than 2 and was renamed to *.abandoned"});

  fs::resize_file(folder / "step-00000002.safetensors", 5);
  const std::string message = message_of<CheckpointError>([&] { static_cast<void>(again.newest()); });
  CHECK(message.starts_with(folder.path().string() +
                            ": none of its 1 checkpoints can be loaded, the newest one because of "));
}

TEST_CASE("checkpoint: every byte is watched over") {
  const TemporaryFolder folder;
  CheckpointStore store(folder.path().string());
  TrainingState s = state_of(5);
  s.score = 0.25;
  Parameters p;
  p.set("w", Tensor::from({3}, {1, 2, 3}));
  store.save(p, s);
  const std::string file = (folder / "step-00000005.safetensors").string();
  const auto good = test::read_bytes(file);
  CHECK(load_checkpoint(file).state == s);
  int accepted = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto damaged = good;
    damaged[i] ^= 1;
    test::write_bytes(file, damaged);
    try {
      load_checkpoint(file);
      ++accepted;
    } catch (const CheckpointError& error) {
      CHECK(std::string(error.what()).find(file) != std::string::npos);
    }
  }
  CHECK(accepted == 0);
  for (std::size_t n = 0; n < good.size(); ++n) {
    test::write_bytes(file, std::span(good).first(n));
    CHECK_THROWS_AS(load_checkpoint(file), CheckpointError);
  }
  tensors(1).save(file);
  CHECK(message_of<CheckpointError>([&] { load_checkpoint(file); }) ==
        file + ": holds no state of a training: it is a model, or another program's");
}

TEST_CASE("checkpoint: one of another model lists everything that differs") {
  Checkpoint c{"x.safetensors", tensors(1), state_of(1)};
  require_same_tensors(c, tensors(2));
  Parameters other = tensors(1);
  other.erase("adam/step");
  other.set("generator/w", Tensor::zeros({DType::f32, {2, 2}}));
  other.set("generator/b", Tensor::zeros({DType::f32, {2}}));
  CHECK_THROWS_WITH_AS(require_same_tensors(c, other),
                       "x.safetensors: is of another model or recipe: missing: generator/b; of another shape or dtype: "
                       "generator/w f32[256] instead of f32[2,2]; not known: adam/step",
                       CheckpointError);
}

TEST_CASE("checkpoint: a full disk is one error, and those before stay") {
  const TemporaryFolder folder;
  const bool is_mounted = ::mount("none", folder.path().c_str(), "tmpfs", 0, "size=256k") == 0;
  CheckpointStore store(folder.path().string(), 3);
  store.save(tensors(1, 64), state_of(1));
  std::string message;
  if (is_mounted) {
    message = message_of<CheckpointError>([&] { store.save(tensors(2, 512), state_of(2)); });
  } else {  // a limit for the size of files is as good, for those who may not mount
    const int status = test::status_of_child([&] {
      std::signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{1 << 17, 1 << 17};
      ::setrlimit(RLIMIT_FSIZE, &limit);
      const std::string why = message_of<CheckpointError>([&] { store.save(tensors(2, 512), state_of(2)); });
      return why.find("cannot write: File too large") != std::string::npos ? 0 : 1;
    });
    CHECK(status == 0);
  }
  const auto kept = store.newest();
  const bool whole = kept && is_whole(*kept);
  const std::size_t files = folder.file_count();
  if (is_mounted) ::umount2(folder.path().c_str(), MNT_DETACH);
  CHECK(whole);
  CHECK(files == 2);  // and `last`
  if (is_mounted) {
    CHECK(message.starts_with((folder / "step-00000002.safetensors").string() +
                              ": cannot write: No space left on device: free "));
  }
}

TEST_CASE("checkpoint: a folder that cannot be made") {
  const TemporaryFolder folder;
  test::write_bytes(folder / "file", {});
  CheckpointStore store((folder / "file/checkpoints").string());
  const std::string message = message_of<CheckpointError>([&] { store.save(tensors(1), state_of(1)); });
  CHECK(message.starts_with((folder / "file/checkpoints").string() + ": cannot make the folder: Not a directory"));
  TrainingState s = state_of(1);
  s.score = std::numeric_limits<double>::quiet_NaN();
  CheckpointStore other(folder.path().string());
  CHECK(message_of<CheckpointError>([&] { other.save(tensors(1), s); }) ==
        (folder / "step-00000001.safetensors").string() +
            ": cannot write the state: score is nan, which JSON cannot hold");
}

TEST_CASE("checkpoint: killed at any moment, the newest whole one loads") {
  const TemporaryFolder folder;
  const std::string path = folder.path().string();
  {
    CheckpointStore store(path);
    store.save(tensors(1, 256), state_of(1));
  }
  std::int64_t step = 1;
  for (int round = 0; round < 12; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      CheckpointStore store(path, 2);
      for (std::int64_t s = step + 1;; ++s) store.save(tensors(s, 256), state_of(s));
    }
    std::this_thread::sleep_for(std::chrono::microseconds(1000 + 3700 * round));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    CheckpointStore store(path, 2);
    const auto c = store.newest();
    REQUIRE(c);
    CHECK(is_whole(*c));
    CHECK(c->state.step >= step);
    step = c->state.step;
  }
  // What was half written goes away when the run goes on.
  test::write_bytes(folder / ".g2face-1-0.tmp", std::vector<std::uint8_t>{1, 2, 3});
  CheckpointStore store(path, 1);
  store.save(tensors(step + 1), state_of(step + 1));
  CHECK(store.steps() == Steps{step + 1});
  CHECK(folder.file_count() == 2);
}
