// g2face's side of bench/peer_torch.py and bench/peer_torch_cuda.py: loads a model, then runs a job each time a line
// comes in on standard input and answers with the seconds it took.
//   g2face_peer MODEL.safetensors [--device D] [--precision f32|strict|bf16|tf32|f16] [--threads N]
//     [--tune FILE]   (tuned plans, remembered in FILE)
// Lines: "anonymize [N]", "anonymize_random_bits [N]" (nobody can recover), "recover [N]" (N images, 1 unless given),
// "device K" (seconds on the device that the last job takes, the median of K), "save FILE" (the last result as raw
// f32), "plan" (timed plans on standard error).

#include <chrono>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

#include "g2face/anonymizer.hpp"
#include "g2face/fill.hpp"
#include "g2face/tuning.hpp"

using namespace g2face;

int main(int argc, char** argv) try {
  check<Error>(argc >= 2,
               "usage: g2face_peer MODEL.safetensors [--device D] [--precision P] [--threads N] [--tune FILE]");
  AnonymizerOptions options;
  std::string tuning;
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string name = argv[i], value = argv[i + 1];
    if (name == "--threads") options.threads = std::stoi(value);
    if (name == "--tune") tuning = value;
    if (name == "--device") options.device = Device::parse(value);
    if (name == "--precision") options.precision = value == "f32" ? Precision::fast : parse_precision(value);
  }
  if (!tuning.empty()) {
    const auto say = [](const std::string& line) { std::cerr << "g2face_peer: " << line << "\n"; };
    options.tuning = std::make_shared<Tuning>(tuning, Tuning::machine(options.device), say);
  }
  Anonymizer anonymizer(argv[1], options);
  std::map<int, Tensor> faces;  // by batch size
  Tensor result;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string job;
    int count = 1;
    words >> job;
    if (job != "save") words >> count;
    if ((job.starts_with("anonymize") || job == "recover") && !faces[count]) {
      faces[count] = make_image("peer/image", count);
    }
    const auto start = std::chrono::steady_clock::now();
    if (job == "anonymize") result = anonymizer.anonymize(faces.at(count), {.seed = 1}).image;
    if (job == "anonymize_random_bits") {
      result = anonymizer.anonymize(faces.at(count), {.seed = 1, .recoverable = false}).image;
    }
    if (job == "recover") result = anonymizer.recover(faces.at(count), {.seed = 1}).image;
    if (job == "plan") std::cerr << anonymizer.print_plans(true);
    if (job == "save") {
      std::ofstream(line.substr(5), std::ios::binary)
          .write(static_cast<const char*>(result.data()), static_cast<std::streamsize>(result.bytes()));
    }
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (job == "device") seconds = anonymizer.device_seconds(count);
    std::cout << seconds << std::endl;
  }
  return 0;
} catch (const std::exception& e) {
  std::cerr << "g2face_peer: " << e.what() << "\n";
  return 1;
}
