// g2face-convert as a process: disks that are full, signals that end it.

#include <sys/mount.h>

#include <csignal>

#include "cli/program.hpp"
#include "models/tiny.hpp"

using namespace g2face;
using namespace g2face::test;

namespace {

/// A folder with a file to convert, of one network with three layers of `width` x `width` values.
struct Input {
  TemporaryFolder folder;
  std::string input = (folder / "in.safetensors").string();

  explicit Input(std::int64_t width) {
    ModelConfig config = tests::tiny_config();
    config.identity_dim = width;
    const std::string_view network = "map_2_id";
    Parameters p = new_parameters({&network, 1}, config);
    p.save(input);
  }
  std::string convert(const std::string& output) const {
    return str("'" G2FACE_CONVERTER "' '", input, "' -o '", output, "'");
  }
};

bool one_error(const Outcome& r) {
  return r.text.starts_with("g2face-convert: error: ") && r.text.find('\n') == r.text.size() - 1;
}

}  // namespace

TEST_CASE("g2face-convert: a limit on file sizes and a full disk are one error, and leave nothing") {
  const Input p(128);
  const std::string output = (p.folder / "model.safetensors").string();
  Outcome r = run_shell("ulimit -f 64; " + p.convert(output));
  CAPTURE(r.text);
  CHECK(r.code == 5);
  CHECK(one_error(r));
  CHECK(r.says("File too large: raise the limit for file sizes"));
  CHECK(p.folder.file_count() == 1);

  const TemporaryFolder small;
  if (::mount("none", small.path().c_str(), "tmpfs", 0, "size=64k") == 0) {
    r = run_shell(p.convert((small / "model.safetensors").string()));
    const std::size_t files = small.file_count();
    ::umount(small.path().c_str());
    CHECK(r.code == 5);
    CHECK(one_error(r));
    CHECK(r.says("No space left on device: free "));
    CHECK(files == 0);
  } else {
    MESSAGE("not all was tried: that needs the right to mount a small file system");
  }

  for (const std::string& command : {p.convert(output), str("'" G2FACE_CONVERTER "' inspect '", p.input, "'")}) {
    r = run_shell("( " + command + " > /dev/full )");
    CAPTURE(command);
    CHECK(r.code == 1);
    CHECK(one_error(r));
    CHECK(r.says("standard output: cannot write the results"));
  }
}

TEST_CASE("g2face-convert: Ctrl-C and SIGTERM in the middle of writing leave nothing, and give 130") {
  const Input p(2048);  // 50 MB: there is time to see the file that is being written
  for (const int signal : {SIGINT, SIGTERM}) {
    int interrupted = 0;
    for (int attempt = 0; attempt < 10 && interrupted == 0; ++attempt) {  // it may have been faster than we are
      const TemporaryFolder out;
      const std::string output = (out / "model.safetensors").string();
      const Outcome r =
          run_shell(p.convert(output) + " & p=$!; cd '" + out.path().string() +
                    str("'; until [ \"$(ls -A)\" ] || ! kill -0 $p; do :; done; kill -", signal, " $p; wait $p"));
      CAPTURE(r.text);
      if (r.code == 0) {
        CHECK(Parameters::load(output).size() == Parameters::load(p.input).size());
        continue;
      }
      CHECK(r.code == 130);
      if (std::filesystem::exists(output)) {  // it came after the rename: the file is whole, and was being checked
        CHECK(Parameters::load(output).size() == Parameters::load(p.input).size());
        continue;
      }
      CHECK(out.file_count() == 0);
      ++interrupted;
    }
    CHECK(interrupted == 1);
  }
}
