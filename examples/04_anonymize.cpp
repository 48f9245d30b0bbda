// A face goes through anonymize and recover.
//   04_anonymize [MODEL.safetensors FACE.png]     without arguments: a small untrained model and a made-up picture

#include <g2face/g2face.hpp>
#include <iostream>

using namespace g2face;

int main(int argc, char** argv) {
  Anonymizer anonymizer = [&] {
    if (argc > 1) return Anonymizer(argv[1]);
    const ModelConfig small = ModelConfig::preset("g2face-slim-64");
    Parameters parameters = new_parameters(inference_networks(), small, Fill::reference);
    small.store(parameters);
    return Anonymizer(std::move(parameters));
  }();
  const std::int64_t size = anonymizer.config().resolution;
  const Tensor face = argc > 2 ? load_image(argv[2]) : fill("example/face", {1, 3, size, size}, 0.9);

  const Anonymized anonymized = anonymizer.anonymize(face, {.seed = 7});
  save_image("anonymized.png", anonymized.image);

  // All that a receiver has is the file.
  const Recovered recovered = anonymizer.recover(load_image("anonymized.png"));
  save_image("recovered.png", recovered.image);

  std::cout << "hidden bits read back wrong: " << bit_error_rate(recovered.logits, anonymized.bits)
            << " (near 0 with trained weights; an untrained model is no better than a guess)\n"
            << "wrote anonymized.png and recovered.png\n";
  const Tensor again = anonymizer.anonymize(face, {.seed = 7}).image;
  return relative_error(again, anonymized.image) == 0 ? 0 : 1;  // the same seed gives the same picture
}
