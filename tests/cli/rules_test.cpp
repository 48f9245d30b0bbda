// What all commands have in common: what they say and how loudly, exit codes, bad files, what is never overwritten.

#include <string>

#include "cli/program.hpp"
#include "g2face/device.hpp"
#include "io/png_builder.hpp"
#include "under_asan.hpp"

using namespace g2face;
using namespace g2face::test;

namespace {

/// A folder "in" of `count` faces.
void make_faces(const Place& p, int count) {
  fs::create_directories(p.dir / "in");
  for (int i = 0; i < count; ++i) fs::copy(p.face, p.dir / str("in/", i, ".png"));
}

std::size_t lines_with(const std::string& text, const std::string& words) {
  std::size_t n = 0;
  for (std::size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) ++n;
  return n;
}

// AddressSanitizer reserves terabytes of addresses.
#if defined(G2FACE_UNDER_ASAN)
const std::string within_4_gib;
#else
const std::string within_4_gib = "ulimit -v 4194304; ";
#endif

}  // namespace

TEST_CASE("the log level: the option wins over the environment, warnings are less than information") {
  const Place p;
  const std::string command = p.anonymize("face.png", "a.png");
  Outcome r = run_program(command);
  CHECK(r.says("g2face: device cpu"));
  CHECK(r.says("face.png -> "));
  for (const auto& [more, settings] : {std::pair("--quiet", ""), std::pair("--log-level warning", "G2FACE_LOG=debug"),
                                       std::pair("", "G2FACE_LOG=warning")}) {
    r = run_program(command + more, settings);
    CHECK(r.code == 0);
    CHECK(!r.says("device cpu"));
    CHECK(!r.says(" -> "));
    CHECK(r.says("g2face: warning: payload paper: it protects nothing"));
  }
  CHECK(run_program(command + "--log-level error").text.empty());
  CHECK(run_program(command, "G2FACE_LOG=error").text.empty());
  r = run_program("crop " + p.in("missing.png") + " -o " + p.in("c.png") + " --log-level error");
  CHECK(r.code == 3);
  CHECK(r.one_error());

  r = run_program(command, "G2FACE_LOG=loud");
  CHECK(r.code == 2);
  CHECK(r.says("G2FACE_LOG loud: give error, warning, info or debug"));
  CHECK(run_program(command + "--log-level loud").code == 2);
  CHECK(run_program(command + "--log-level error --quiet").code == 2);
}

TEST_CASE("progress: one line for each item in a pipe, one rewritten line on a terminal") {
  const Place p;
  make_faces(p, 3);
  const std::string command = p.anonymize("in", "out");
  Outcome r = run_program(command);
  CHECK(r.says("g2face: [1/3] "));
  CHECK(r.says(" left: "));
  CHECK(r.says("g2face: [3/3] "));
  CHECK(!r.says("\033"));
  CHECK(lines_with(r.text, "[") == 3);

  r = run_shell("script --quiet --return --command \"" + program(command) + "\" /dev/null </dev/null");
  CHECK(r.code == 0);
  CHECK(r.says("\r\033[K[1/3] "));
  CHECK(r.says("\r\033[K[3/3] "));
  CHECK(r.says("took "));
  CHECK(!r.says("\n[2/3]"));
}

TEST_CASE("control characters of a file name do not reach the terminal") {
  const Place p;
  const std::string name = "a\033[2J\nb.png";
  fs::copy(p.face, p.dir / name);
  Outcome r = run_program(p.anonymize(name, "out.png"));
  CHECK(r.code == 0);
  CHECK(r.says("a?[2J b.png -> "));
  CHECK(!r.says("\033"));
  r = run_program(p.anonymize("no\033such.png", "out.png"));
  CHECK(r.code == 3);
  CHECK(r.one_error());
  CHECK(!r.says("\033"));
}

TEST_CASE("--version names the build and its libraries") {
  const Outcome r = run_program("--version");
  CHECK(r.code == 0);
  for (const char* words : {"g2face    0.", "revision  ", "oneDNN    ", "kernels "}) CHECK(r.says(words));
  CHECK((r.says("CUDA      none in this build") || r.says("CUDA      runtime ")));
}

TEST_CASE("grey, alpha, 16-bit and palette-free small pictures are taken as they are") {
  const Place p;
  for (const auto& [bits, type, samples] :
       {std::tuple(8, 0, 1), std::tuple(16, 0, 1), std::tuple(8, 4, 2), std::tuple(8, 6, 4), std::tuple(16, 2, 3)}) {
    std::vector<std::vector<std::uint8_t>> rows(20);
    for (std::size_t y = 0; y < 20; ++y) {
      const auto bytes = static_cast<std::size_t>(20 * samples * bits / 8);
      for (std::size_t i = 0; i < bytes; ++i) rows[y].push_back(static_cast<std::uint8_t>(7 * i + 31 * y));
    }
    const auto png = build_png({20, 20, static_cast<std::uint8_t>(bits), static_cast<std::uint8_t>(type)}, rows);
    write_bytes(p.dir / "kind.png", png);
    const Outcome r = run_program(p.anonymize("kind.png", "out.png"));
    const int colour_type = type;
    CAPTURE(colour_type);
    CAPTURE(r.text);
    CHECK(r.code == 0);
    CHECK(load_image(p.dir / "out.png").shape() == Shape({1, 3, 64, 64}));
  }
}

TEST_CASE("hostile files are refused without their memory or their time") {
  const Place p;
  write_bytes(p.dir / "bomb.png", build_png({2000000000, 2000000000}, {{1, 2, 3}}));
  write_bytes(p.dir / "claims.png", build_png({9000, 9000}, {{1, 2, 3}}));
  write_text(p.dir / "sparse.png", "\x89PNG");
  fs::resize_file(p.dir / "sparse.png", std::uintmax_t{1} << 40);
  REQUIRE(run_shell("mkfifo " + p.in("pipe.png")).code == 0);
  for (const char* name : {"bomb.png", "claims.png", "sparse.png", "pipe.png"}) {
    const Outcome r = run_shell(within_4_gib + "timeout 20 " + program(p.anonymize(name, "out.png")));
    CAPTURE(r.text);
    CHECK(r.code == 3);
    CHECK(r.one_error());
    CHECK(r.says(name));
    CHECK(r.says(": give a picture that is whole"));
    CHECK(!fs::exists(p.dir / "out.png"));
  }
  if (!within_4_gib.empty()) {
    const Outcome r =
        run_shell("ulimit -v 500000; " + program("crop " + p.in("face.png") + " --size 8192 -o " + p.in("c.png")));
    CHECK(r.code == 6);
    CHECK(r.one_error());
    CHECK(r.says("face.png: cannot allocate"));
    CHECK(!fs::exists(p.dir / "c.png"));
  }
  const std::uint64_t header = 1ull << 60;
  write_text(p.dir / "huge.safetensors", std::string(reinterpret_cast<const char*>(&header), 8) + "{}");
  const Outcome r = run_program("model check " + p.in("huge.safetensors"));
  CHECK(r.code == 5);
  CHECK(r.one_error());
  CHECK(r.says("huge.safetensors: header of "));
}

TEST_CASE("originals stay: no command replaces an input, nor writes results where they become inputs") {
  const Place p;
  make_faces(p, 1);
  const std::string before = read_text(p.face);
  const auto refused = [&](const std::string& arguments, const char* words) {
    const Outcome r = run_program(arguments);
    CAPTURE(r.text);
    CHECK(r.code == 2);
    CHECK(r.one_error());
    CHECK(r.says(words));
    CHECK(read_text(p.face) == before);
  };
  refused(p.anonymize("face.png", "face.png"), "would replace the original");
  refused("crop " + p.in("face.png") + " -o " + p.in("face.png"), "is an input and would be replaced");
  refused("verify --model '" + p.model + "' " + p.in("face.png") + " " + p.in("face.png") + " --picture " +
              p.in("face.png"),
          "is an input and would be replaced");
  refused(p.anonymize("in", "in/out", "--recursive"), "would be inputs of the next run");
  CHECK(run_program(p.anonymize("in", "in", "--in-place")).code == 0);
  CHECK(read_text(p.dir / "in/0.png") != before);
}

TEST_CASE("outputs that cannot be: a folder, a folder that is a file, no space, no memory") {
  const Place p;
  fs::create_directories(p.dir / "folder.png");
  Outcome r = run_program("crop " + p.in("face.png") + " -o " + p.in("folder.png"));
  CHECK(r.code == 3);
  CHECK(r.says("folder.png: is a folder: add a file name"));
  r = run_program(p.anonymize("face.png", "face.png/below/x.png"));
  CHECK(r.code == 3);
  CHECK(r.one_error());
  CHECK(r.says("choose another place"));
  // A full disk behaves as a limit on the size of files does, but for the number of the error.
  const std::size_t files = p.files();
  r = run_shell("trap '' XFSZ; ulimit -f 4; " + program(p.anonymize("face.png", "out.png")));
  CHECK(r.code == 3);
  CHECK(r.one_error());
  CHECK(r.says("out.png"));
  CHECK(p.files() == files);
  r = run_program("verify --json --model '" + p.model + "' " + p.in("face.png") + " " + p.in("face.png") +
                  " >/dev/full");
  CHECK(r.code == 1);
  CHECK(r.says("standard output: cannot write the results"));
}

TEST_CASE("identities: reproducible from --seed, different for each picture; per-project needs a key") {
  const Place p;
  save_image(p.dir / "other.png", fill("cli/other", {1, 3, 64, 64}, 0.9));
  const auto result_of = [&](const std::string& input, const std::string& more) {
    const Outcome r = run_program(p.anonymize(input, "out.png", more));
    CAPTURE(r.text);
    CHECK(r.code == 0);
    return read_text(p.dir / "out.png");
  };
  const std::string first = result_of("face.png", "--seed 5");
  CHECK(result_of("face.png", "--seed 5") == first);
  CHECK(result_of("face.png", "--seed 6") != first);
  CHECK(result_of("face.png", "") != result_of("face.png", ""));

  Outcome r = run_program(p.anonymize("face.png", "out.png", "--identity per-project"));
  CHECK(r.code == 2);
  CHECK(r.says("per-project: pseudonyms are drawn from a key"));
  CHECK(run_program(p.anonymize("face.png", "out.png", "--identity seed:4 --seed 3")).code == 2);
  CHECK(run_program(p.anonymize("face.png", "out.png", "--identity seed:9007199254740992")).code == 2);
  CHECK(run_program(p.anonymize("face.png", "out.png", "--seed -1")).code == 2);
}

TEST_CASE("the device that was chosen, and why") {
  const Place p;
  const std::string command = p.anonymize("face.png", "a.png");
  CHECK(run_program(command).says("g2face: device cpu (as asked for), precision f32"));
  CHECK(run_program(command + "--precision bf16").says("g2face: device cpu (as asked for), precision bf16"));
  const Outcome r = run_program(command + "--device auto");
  CHECK(r.code == 0);
  if (Device::best() == Device::cuda()) {
    CHECK(r.says("precision tf32"));
  } else {
    CHECK((r.says("g2face: device cpu (this build has no CUDA)") || r.says("g2face: device cpu (no GPU can be used")));
  }
}

TEST_CASE("doctor says what is missing") {
  const Place p;
  Outcome r = run_program("doctor");
  CHECK(r.code == 0);
  for (const char* words : {"libpng 1.", "libsodium 1.", "self-test  passed", "missing    no model: give --model"}) {
    CHECK(r.says(words));
  }
  r = run_program("doctor", "G2FACE_MODEL='" + p.model + "'");
  CHECK(r.says("model.safetensors, g2face-slim-64"));
  CHECK(!r.says("no model"));
  write_text(p.dir / "bad.safetensors", "nothing");
  CHECK(run_program("doctor", "G2FACE_MODEL=" + p.in("bad.safetensors")).says("missing    " + p.dir.string()));
}
