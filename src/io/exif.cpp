#include "io/exif.hpp"

#include <libexif/exif-data.h>

#include <memory>

namespace g2face::io {
namespace {

struct Unref {
  void operator()(ExifData* data) const { exif_data_unref(data); }
};

}  // namespace

int exif_orientation(std::span<const std::uint8_t> block) {
  constexpr int upright = 1;
  const std::unique_ptr<ExifData, Unref> exif(exif_data_new());
  if (!exif) return upright;
  exif_data_unset_option(exif.get(), EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);  // read what is there, repair nothing
  exif_data_load_data(exif.get(), block.data(), static_cast<unsigned>(block.size()));
  const ExifEntry* entry = exif_content_get_entry(exif->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
  if (entry == nullptr || entry->format != EXIF_FORMAT_SHORT || entry->components != 1 || entry->size < 2) {
    return upright;
  }
  const int value = exif_get_short(entry->data, exif_data_get_byte_order(exif.get()));
  return value >= 1 && value <= 8 ? value : upright;
}

}  // namespace g2face::io
