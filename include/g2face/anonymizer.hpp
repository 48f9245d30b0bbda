#pragma once
// The two calls that most users need.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "g2face/models/config.hpp"
#include "g2face/payload/sealed.hpp"
#include "g2face/plan/executor.hpp"

namespace g2face {

struct AnonymizerOptions {
  Device device = Device::best();
  Precision precision = Precision::fast;
  int threads = 0;  // 0 = all that OpenMP offers
  /// See PlanOptions::tuning.
  std::shared_ptr<Tuning> tuning = nullptr;
};

struct AnonymizeOptions {
  /// Decides the virtual identity and, unless the model was trained with one noise (trained_noise), the noise: the same
  /// photo, model and seed give the same image. Below 2^53.
  std::uint64_t seed = 0;
  /// Hide the identity in the image. Without it random bits are hidden and nobody can recover.
  bool recoverable = true;
  /// Identities [N,identity_dim] -> what to hide of them, [N,rows,32] of 0 and 1: seal_with(). Without it, the bits of
  /// the identities themselves, as the published method: whoever has the model can recover. CapacityError where they
  /// are not as many as the model hides (ModelConfig::hides_floats).
  std::function<Tensor(const Tensor& identity)> hide = {};
};

struct Anonymized {
  Tensor image;             // [N,3,R,R], not clipped; about -1..1
  Tensor identity;          // [N,identity_dim] of the original
  Tensor virtual_identity;  // [N,identity_dim] that it was given
  Tensor bits;              // [N,rows,32] that were hidden, 0 or 1
};

struct RecoverOptions {
  /// Decides the noise, as above.
  std::uint64_t seed = 0;
  /// Logits [N,rows,32] -> the identities [N,identity_dim] that were hidden: open_with(). Without it, those of the
  /// published method, or CapacityError as above.
  std::function<Tensor(const Tensor& logits)> reveal = {};
};

struct Recovered {
  Tensor image;     // [N,3,R,R], not clipped
  Tensor identity;  // [N,identity_dim] as read from the pixels
  Tensor logits;    // [N,rows,32] of the hidden bits, positive for 1
};

/// A face analysed: who it is and how it is held.
struct Analysis {
  Tensor identity;      // [N,identity_dim]
  Tensor coefficients;  // [N,257] of the 3D face model
  Tensor bits;          // [N,rows,32], the identity as bits
};

/// Anonymizes aligned face crops and undoes it. Holds a model and the plans for it, which are made when they are first
/// needed and for each batch size. One thread at a time may use it.
///
/// What is hidden is sealed if the options say so (seal_with), and else the identity in clear.
class Anonymizer {
 public:
  /// Loads and checks a model file. Throws CheckpointError, listing everything that is missing or does not fit.
  explicit Anonymizer(const std::string& model, const AnonymizerOptions& options = {});
  Anonymizer(Parameters model, const AnonymizerOptions& options = {});
  ~Anonymizer();
  Anonymizer(Anonymizer&&) noexcept;
  Anonymizer& operator=(Anonymizer&&) noexcept;

  /// face [N,3,R,R], RGB, -1..1, R the resolution of the model. Throws ShapeError for another shape.
  Anonymized anonymize(const Tensor& face, const AnonymizeOptions& options = {});
  /// image: what anonymize() gave, or the same read back from a file.
  /// The generator is given the bits that were read, since nothing else is at hand (the authors' test program gives it
  /// the true ones).
  Recovered recover(const Tensor& image, const RecoverOptions& options = {});
  /// The hidden bits alone, as recover() reads them: logits [N,rows,32], positive for 1. With the measures of
  /// eval/metrics.hpp this says what an image shows of the original once it is a file:
  ///   Tensor written = load_image("out.png");
  ///   double similarity = cosine(anonymized.identity, anonymizer.analyze(written).identity);
  ///   double errors = bit_error_rate(anonymizer.read_bits(written), anonymized.bits);
  Tensor read_bits(const Tensor& image);
  Analysis analyze(const Tensor& face);
  /// Identities [count,identity_dim] of people who do not exist: those that anonymize() draws with this seed.
  Tensor imagine(std::int64_t count, std::uint64_t seed);
  /// The distance that LPIPS sees, [N,1,1,1]; the model must hold the network "lpips" (has_network()).
  Tensor perceptual_distance(const Tensor& a, const Tensor& b);

  bool has_network(std::string_view network) const;
  const ModelConfig& config() const;
  /// Which hidden bits a payload can use, by what the model was trained on: all, where its file does not say.
  payload::ChannelMap channel_map() const;
  /// The seconds on the device that the plans of the last call above take, without copies from and to the host: the
  /// median of `runs` for each plan, added up.
  double device_seconds(int runs);
  /// Tables of all plans made so far; `timed` runs each once more to measure its steps.
  std::string print_plans(bool timed = false);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// For AnonymizeOptions::hide and RecoverOptions::reveal, with a model of this configuration: a payload that only the
/// holder of the secret reads. The sealer and the opener have to outlive what is returned. Images of a batch are bound
/// as the faces binding.face, binding.face + 1, ...; what seals and opens throws is thrown through. `opened` is shown
/// what each image's payload came to.
///   auto sealer = payload::Sealer::with_password(password);
///   anonymizer.anonymize(face, {.hide = seal_with(sealer, anonymizer.config(), {.model = "portraits 1"})});
std::function<Tensor(const Tensor&)> seal_with(payload::Sealer& sealer, const ModelConfig& config,
                                               const payload::Binding& binding,
                                               payload::ChannelMap map = payload::ChannelMap::all);
std::function<Tensor(const Tensor&)> open_with(payload::Opener& opener, const ModelConfig& config,
                                               const payload::Binding& binding,
                                               payload::ChannelMap map = payload::ChannelMap::all,
                                               const std::function<void(const payload::Opened&)>& opened = {});

}  // namespace g2face
