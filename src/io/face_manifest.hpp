#pragma once
// The manifest of a run: one line of JSON for each face, appended as soon as its result is on the disk.
// docs/manifest.md describes the fields for users.

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace g2face::io {

/// Measured on the image that was written, as its file holds it.
struct FaceMeasures {
  double similarity_before = 0;                          // cosine of the original identity and the one that was drawn
  double similarity_after = 0;                           // cosine of the original identity and that of the written face
  std::optional<double> bit_error_rate, payload_margin;  // none if nothing is hidden
};

/// What a limit on likeness (--max-similarity) took.
struct DrawnIdentity {
  std::uint32_t draws = 1;      // identities that were drawn, the one that was taken included
  double worst_similarity = 0;  // its largest cosine to the original and the stop-list, drawn and as a face
};

struct FaceRecord {
  std::string input, input_sha256;    // no hash: the file could not be read
  std::string output, output_sha256;  // no hash: failed
  std::array<std::int64_t, 4> box{};  // of the face in the input: left, top, width, height
  std::string reason;                 // why it failed; empty: replaced
  std::string model_sha256;
  std::string identity;               // how it was drawn: per-image, per-project, seed:N
  std::optional<std::uint64_t> seed;  // the one that the user gave; fresh ones are kept nowhere
  bool recoverable = false;
  std::string payload;                 // what is hidden: sealed, paper; empty if nothing is
  std::vector<std::string> carriers;   // where: pixels, chunk, file
  bool exact = false;                  // the original is carried too
  std::optional<DrawnIdentity> drawn;  // none if no limit was asked for
  std::optional<FaceMeasures> measures;
  std::string time;  // when it was finished, UTC: 2026-01-31T23:59:59Z
  double seconds = 0;

  bool replaced() const { return reason.empty(); }
};

/// On one line, without its end.
std::string to_json(const FaceRecord& record);

/// A manifest that this process alone appends to.
class FaceManifest {
 public:
  /// Creates the file or reads what is there. A last line that was cut (by a crash) is removed from the file; anything
  /// else that is not a record is refused. Throws FileError naming file and line.
  explicit FaceManifest(const std::filesystem::path& path);
  FaceManifest(FaceManifest&&) = delete;
  ~FaceManifest();

  /// Whether opening it removed a cut line.
  bool was_cut() const { return was_cut_; }

  /// Whether a line says that `wanted` is done: the same content of input, model and options, and `output_sha256`, the
  /// hash of the file that now stands at its output. (Where results replace inputs, the input is that output.) `most`:
  /// and that it is no more alike than this to what it must not be like.
  bool has(const FaceRecord& wanted, const std::string& output_sha256, std::optional<double> most = {}) const;

  /// Writes the line and flushes it to disk. Throws FileError, leaving the file as it was.
  void append(const FaceRecord& record);

 private:
  void read();
  void write(const std::string& text);

  std::filesystem::path path_;
  int fd_ = -1;
  bool was_cut_ = false;
  std::unordered_multimap<std::string, FaceRecord> replaced_;  // by output_sha256
};

}  // namespace g2face::io
