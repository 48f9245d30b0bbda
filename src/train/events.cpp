#include "g2face/train/events.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

#include "io/crc32c.hpp"
#include "io/image_codec.hpp"

namespace g2face {
namespace {

static_assert(std::endian::native == std::endian::little, "records are little-endian");

template <class T>
void put_bytes(std::string& out, T value) {
  std::array<char, sizeof(T)> bytes{};
  std::memcpy(bytes.data(), &value, sizeof(T));
  out.append(bytes.data(), bytes.size());
}

/// A message of protocol buffers in its wire format. Fields go in the order of their numbers.
class Message {
 public:
  Message& number(std::uint32_t field, std::uint64_t value) {
    tag(field, 0);
    varint(value);
    return *this;
  }
  Message& real(std::uint32_t field, double value) {
    tag(field, 1);
    put_bytes(bytes_, value);
    return *this;
  }
  Message& real(std::uint32_t field, float value) {
    tag(field, 5);
    put_bytes(bytes_, value);
    return *this;
  }
  /// Text, bytes, or a message.
  Message& bytes(std::uint32_t field, std::string_view value) {
    tag(field, 2);
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  const std::string& str() const { return bytes_; }

 private:
  void tag(std::uint32_t field, std::uint32_t wire_type) { varint(field << 3 | wire_type); }
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(static_cast<unsigned char>(value | 0x80));
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

// The numbers of the fields, as the files named in the header have them.
namespace event {
constexpr std::uint32_t wall_time = 1, step = 2, file_version = 3, summary = 5, session_log = 7;
}
namespace session_log {
constexpr std::uint32_t status = 1, start = 1;
}
namespace summary {
constexpr std::uint32_t value = 1;
namespace value_field {
constexpr std::uint32_t tag = 1, simple_value = 2, image = 4;
}
namespace image {
constexpr std::uint32_t height = 1, width = 2, colorspace = 3, encoded = 4, rgb = 3;
}
}  // namespace summary

std::uint32_t masked_crc(std::string_view bytes) {
  const std::uint32_t crc = io::crc32c(std::as_bytes(std::span(bytes)));
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

std::string record(std::string_view data) {
  std::string out;
  put_bytes(out, static_cast<std::uint64_t>(data.size()));
  put_bytes(out, masked_crc(out));
  out += data;
  put_bytes(out, masked_crc(data));
  return out;
}

std::string host() {
  std::array<char, 256> name{};
  const bool is_known = ::gethostname(name.data(), name.size() - 1) == 0 && name[0] != '\0';
  return is_known ? name.data() : "localhost";
}

[[noreturn]] void fail(const std::string& file, const char* action, int code) {
  throw Error(str(file, ": ", action, ": ", std::generic_category().message(code),
                  ": free some space or choose another folder"));
}

}  // namespace

EventWriter::EventWriter(const std::string& folder, std::optional<std::int64_t> first_step, Clock clock)
    : clock_(std::move(clock)) {
  if (!clock_) {
    clock_ = [] { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); };
  }
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail(folder, "cannot make the folder", error.value());
  // TensorBoard reads files in the order of their names. One that is there already is of the same second.
  for (auto second = static_cast<std::int64_t>(clock_()); fd_ < 0; ++second) {
    file_ = (std::filesystem::path(folder) / str("events.out.tfevents.", second, ".", host())).string();
    fd_ = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
    if (fd_ < 0 && errno != EEXIST) fail(file_, "cannot create", errno);
  }
  try {
    write(0, Message().bytes(event::file_version, "brain.Event:2").str());
    if (first_step) {
      const Message start = Message().number(session_log::status, session_log::start);
      write(*first_step, Message().bytes(event::session_log, start.str()).str());
    }
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

EventWriter::~EventWriter() { ::close(fd_); }

void EventWriter::scalars(std::int64_t step, std::span<const std::pair<std::string, double>> values) {
  Message all;
  for (const auto& [name, value] : values) {
    Message one;
    one.bytes(summary::value_field::tag, name).real(summary::value_field::simple_value, static_cast<float>(value));
    all.bytes(summary::value, one.str());
  }
  write(step, Message().bytes(event::summary, all.str()).str());
}

void EventWriter::image(std::int64_t step, const std::string& name, const Tensor& picture) {
  const std::vector<std::uint8_t> png = io::encode_image(picture, name + ".png");
  Message data;
  data.number(summary::image::height, static_cast<std::uint64_t>(picture.shape()[2]))
      .number(summary::image::width, static_cast<std::uint64_t>(picture.shape()[3]))
      .number(summary::image::colorspace, summary::image::rgb)
      .bytes(summary::image::encoded, {reinterpret_cast<const char*>(png.data()), png.size()});
  Message value;
  value.bytes(summary::value_field::tag, name).bytes(summary::value_field::image, data.str());
  write(step, Message().bytes(event::summary, Message().bytes(summary::value, value.str()).str()).str());
}

/// One event with the field `what`, in one piece; what there is no room for is taken back.
void EventWriter::write(std::int64_t step, std::string_view what) {
  Message head;
  head.real(event::wall_time, clock_());
  if (step != 0) head.number(event::step, static_cast<std::uint64_t>(step));
  const std::string bytes = record(head.str() + std::string(what));
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::write(fd_, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int code = errno;
      const bool is_cut = ::ftruncate(fd_, bytes_) == 0;
      fail(file_, is_cut ? "cannot write" : "cannot write, and ends in half a record", code);
    }
    done += static_cast<std::size_t>(n);
  }
  bytes_ += static_cast<std::int64_t>(bytes.size());
}

}  // namespace g2face
