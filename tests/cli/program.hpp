#pragma once
// The program as users meet it: started as a process, judged by its exit code, its one line of error, and the files it
// leaves behind.

#include <doctest/doctest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "g2face/fill.hpp"
#include "g2face/image.hpp"
#include "g2face/models/networks.hpp"
#include "io/temporary_folder.hpp"

namespace g2face::test {

namespace fs = std::filesystem;

/// What a process said and how it ended.
struct Outcome {
  int code = -1;
  std::string text;  // standard output and error together
  bool says(std::string_view words) const { return text.find(words) != std::string::npos; }
  /// One error line and no more, as the contract wants.
  bool one_error() const {
    const std::size_t first = text.find("g2face: error: ");
    return first != std::string::npos && text.find("g2face: error: ", first + 1) == std::string::npos;
  }
};

/// Runs a line of the shell.
inline Outcome run_shell(const std::string& command) {
  Outcome result;
  FILE* pipe = popen(("exec 2>&1; " + command).c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer{};
  for (std::size_t n = 0; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) result.text.append(buffer.data(), n);
  const int status = pclose(pipe);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

/// The program without the environment's settings, on the CPU; `settings` are its own: "G2FACE_LOG=debug". One thread:
/// these models are too small for more.
inline std::string program(const std::string& arguments, const std::string& settings = "") {
  return "env -u G2FACE_MODEL -u G2FACE_LOG G2FACE_DEVICE=cpu OMP_NUM_THREADS=1 " + settings +
         " '" G2FACE_PROGRAM "' " + arguments;
}
inline Outcome run_program(const std::string& arguments, const std::string& settings = "") {
  return run_shell(program(arguments, settings));
}

/// A folder with a small model and a face.
struct Place {
  test::TemporaryFolder folder;
  fs::path dir = folder.path();
  std::string model = (dir / "model.safetensors").string(), face = (dir / "face.png").string();

  Place() {
    const ModelConfig config = ModelConfig::preset("g2face-slim-64");
    Parameters parameters = new_parameters(network_names(), config, Fill::reference);
    config.store(parameters);
    parameters.save(model);
    save_image(face, fill("cli/face", {1, 3, 64, 64}, 0.9));
  }
  std::string in(const std::string& name) const { return str("'", (dir / name).string(), "'"); }
  std::string anonymize(const std::string& input, const std::string& output, const std::string& more = "") const {
    return "anonymize --aligned --payload paper --model '" + model + "' " + in(input) + " -o " + in(output) + " " +
           more;
  }
  /// What anonymize and recover are told with a secret.
  std::string sealed(const std::string& input, const std::string& output) const {
    return str(" --aligned --model '", model, "' ", in(input), " -o ", in(output), " ");
  }
  std::size_t files() const {
    std::size_t n = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(dir)) ++n;
    return n;
  }
};

inline void write_text(const fs::path& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }
inline std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace g2face::test
