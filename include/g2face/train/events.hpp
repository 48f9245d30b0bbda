#pragma once
// What TensorBoard shows of a training.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "g2face/tensor.hpp"

namespace g2face {

/// Writes one file events.out.tfevents.TIME.HOST that stock TensorBoard reads: TFRecords of tensorflow.Event messages.
/// A record is written in one piece at once, so that a killed process leaves all records but perhaps the last one,
/// which TensorBoard passes over. Every member but the destructor throws Error, "FILE: what: what to do", if the file
/// cannot be written; what was written before stays readable. Source: tensorflow/core/lib/io/record_writer.h,
/// tensorflow/core/util/event.proto, framework/summary.proto
class EventWriter {
 public:
  /// Seconds since 1970.
  using Clock = std::function<double()>;
  /// Makes the folder, and always a new file in it. A run that goes on gives the first step that it will report:
  /// TensorBoard then forgets what earlier files say of that step and of later ones (purge_step).
  explicit EventWriter(const std::string& folder, std::optional<std::int64_t> first_step = {}, Clock clock = {});
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;
  ~EventWriter();

  /// Curves by name, one value of each.
  void scalars(std::int64_t step, std::span<const std::pair<std::string, double>> values);
  /// A picture f32 [1,3,H,W], -1..1, as 8-bit PNG. Throws ImageError for another shape or NaN.
  void image(std::int64_t step, const std::string& name, const Tensor& picture);

  const std::string& file() const { return file_; }

 private:
  void write(std::int64_t step, std::string_view what);

  std::string file_;
  Clock clock_;
  int fd_ = -1;
  std::int64_t bytes_ = 0;  // of whole records
};

}  // namespace g2face
