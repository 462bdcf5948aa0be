#include "png.h"

#include <stb_image.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "failure.h"

// Of stb_image_write.h, which declares it for its own use only.
extern "C" unsigned char* stbi_zlib_compress(unsigned char* data, int size, int* packed_size, int quality);

namespace liif {

namespace {

constexpr uint8_t kSignature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

// As float32 RGB a picture of this many pixels takes 1 GiB. MAX_PIXELS of edge/images/decoding.py is as many.
constexpr uint64_t kMaxPicture = (uint64_t{1} << 30) / (3 * sizeof(float));

enum Colour : uint8_t { kGrey = 0, kRgb = 2, kPalette = 3, kGreyAlpha = 4, kRgba = 6 };

// What stands in a PNG file around its pixels.
struct Header {
  uint32_t width = 0, height = 0;
  uint8_t bits = 0, colour = 0;
  bool clear_colour = false;  // tRNS: a palette's transparency, or the one colour that is transparent
  uint32_t frames = 1;
  int orientation = 1;  // EXIF; 1 is upright
  uint32_t gamma = 0;   // times 100000; 0 where the file does not say
  bool srgb = false;
  Bytes profile;
};

uint32_t big_endian(const uint8_t* at) {
  return uint32_t{at[0]} << 24 | uint32_t{at[1]} << 16 | uint32_t{at[2]} << 8 | at[3];
}

void append_big_endian(Bytes& bytes, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<uint8_t>(value >> shift));
}

// PNG specification, annex D.
uint32_t crc(const uint8_t* begin, const uint8_t* end) {
  uint32_t sum = 0xffffffff;
  for (; begin != end; ++begin) {
    sum ^= *begin;
    for (int bit = 0; bit < 8; ++bit) sum = sum & 1 ? 0xedb88320 ^ sum >> 1 : sum >> 1;
  }
  return ~sum;
}

void append_chunk(Bytes& file, const std::string& name, const Bytes& data) {
  append_big_endian(file, static_cast<uint32_t>(data.size()));
  const size_t start = file.size();
  file.insert(file.end(), name.begin(), name.end());
  file.insert(file.end(), data.begin(), data.end());
  append_big_endian(file, crc(&file[start], file.data() + file.size()));
}

// The orientation tag (0x0112) in the first directory of an EXIF block, which is a TIFF header.
int exif_orientation(const uint8_t* exif, uint32_t size) {
  if (size < 8) return 1;
  const bool little = exif[0] == 'I';
  const auto number = [&](uint32_t at, uint32_t width) {
    uint32_t value = 0;
    for (uint32_t i = 0; i < width; ++i) value = value << 8 | exif[at + (little ? width - 1 - i : i)];
    return value;
  };
  const uint64_t directory = number(4, 4);
  if (directory + 2 > size) return 1;
  const uint32_t entries = number(static_cast<uint32_t>(directory), 2);
  for (uint32_t i = 0; i < entries; ++i) {
    const uint64_t entry = directory + 2 + 12 * uint64_t{i};
    if (entry + 12 > size) return 1;
    if (number(static_cast<uint32_t>(entry), 2) == 0x0112) {
      return static_cast<int>(number(static_cast<uint32_t>(entry) + 8, 2));
    }
  }
  return 1;
}

// The header's field "colour space of data" (ICC.1, 7.2); empty if the profile cannot be unpacked.
std::string profile_space(const Bytes& chunk) {
  const auto name_end = std::find(chunk.begin(), chunk.end(), 0);
  if (chunk.end() - name_end < 3) return "";
  int size = 0;
  const auto* packed = reinterpret_cast<const char*>(&*name_end) + 2;  // a zero and the method
  const auto packed_size = static_cast<int>(chunk.end() - name_end) - 2;
  const std::unique_ptr<char, decltype(&std::free)> profile(
      stbi_zlib_decode_malloc(packed, packed_size, &size), std::free);
  return profile && size >= 20 ? std::string(profile.get() + 16, 4) : "";
}

Failure damaged(const std::string& path, const std::string& reason) {
  return Failure(path + ": expected a whole picture, found a damaged one (" + reason + ")");
}

// Every chunk's place and checksum, which the decoder does not look at.
Header read_header(const std::string& path, const Bytes& file) {
  if (file.size() < sizeof kSignature ||
      !std::equal(std::begin(kSignature), std::end(kSignature), file.begin())) {
    throw Failure(path + ": expected a PNG picture, found " +
                  (file.empty() ? "an empty file" : "another kind of file"));
  }
  Header header;
  std::string type;
  for (size_t at = sizeof kSignature; type != "IEND";) {
    if (file.size() - at < 12) throw damaged(path, "cut off");
    const uint32_t size = big_endian(&file[at]);
    if (size > file.size() - at - 12) throw damaged(path, "cut off");
    const uint8_t* name = &file[at + 4];
    const uint8_t* data = name + 4;
    const bool first = type.empty();
    type.assign(name, data);
    if (crc(name, data + size) != big_endian(data + size)) throw damaged(path, "a wrong checksum");
    if (first != (type == "IHDR") || (first && size != 13)) throw damaged(path, "no header");
    if (type == "IHDR") {
      header.width = big_endian(data), header.height = big_endian(data + 4);
      header.bits = data[8], header.colour = data[9];
    } else if (type == "tRNS") {
      header.clear_colour = true;
    } else if (type == "acTL" && size >= 4) {
      header.frames = big_endian(data);
    } else if (type == "eXIf") {
      header.orientation = exif_orientation(data, size);
    } else if (type == "gAMA" && size >= 4) {
      header.gamma = big_endian(data);
    } else if (type == "sRGB") {
      header.srgb = true;
    } else if (type == "iCCP") {
      header.profile.assign(data, data + size);
    }
    at += 12 + size;
  }
  return header;
}

void check(const std::string& path, const Header& header) {
  const uint64_t pixels = uint64_t{header.width} * header.height;
  if (pixels == 0) throw damaged(path, "no pixels");
  if (pixels > kMaxPicture) {
    throw Failure(path + ": expected at most " + std::to_string(kMaxPicture) + " pixels, found " +
                  std::to_string(header.width) + "x" + std::to_string(header.height));
  }
  if (header.frames != 1) {
    throw Failure(path + ": expected a single picture, found " + std::to_string(header.frames) + " frames");
  }
  if (header.orientation >= 2 && header.orientation <= 8) {
    throw Failure(path + ": expected an upright picture, found one turned by EXIF; "
                         "liif-edge upscale turns it");
  }
  const bool usual = header.gamma > 44455 && header.gamma < 46455;  // 1 / 2.2, sRGB's
  if (header.gamma != 0 && !usual && !header.srgb && header.profile.empty()) {
    throw Failure(path + ": expected the gamma of sRGB, found another one; liif-edge upscale converts it");
  }
  if (header.bits == 16 && header.clear_colour && header.colour != kGrey) {
    throw Failure(path + ": expected 8-bit colours where one is transparent, found 16-bit");
  }
}

template <typename Sample>
Picture separate(const Sample* samples, int width, int height, int channels, float white) {
  const auto n = static_cast<size_t>(width) * static_cast<size_t>(height);
  const bool grey = channels < 3, alpha = channels % 2 == 0;
  Picture picture{{3, height, width, std::vector<float>(3 * n)}, std::nullopt, {}, grey, white > 255};
  Planes<float> opacity{1, height, width, std::vector<float>(alpha ? n : 0)};
  for (size_t i = 0; i < n; ++i, samples += channels) {
    for (size_t c = 0; c < 3; ++c) {
      picture.rgb.values[c * n + i] = static_cast<float>(samples[grey ? 0 : c]) / white;
    }
    if (alpha) opacity.values[i] = static_cast<float>(samples[channels - 1]) / white;
  }
  const auto& values = opacity.values;
  if (std::any_of(values.begin(), values.end(), [](float v) { return v != 1; })) {
    picture.alpha = std::move(opacity);
  }
  return picture;
}

}  // namespace

Picture read_png(const std::string& path) {
  const Bytes file = read_file(path, "a PNG picture");
  Header header = read_header(path, file);
  check(path, header);
  const bool deep = header.bits == 16;
  int width = 0, height = 0, channels = 0;
  const auto size = static_cast<int>(file.size());
  const std::unique_ptr<void, decltype(&stbi_image_free)> samples(
      deep ? static_cast<void*>(stbi_load_16_from_memory(file.data(), size, &width, &height, &channels, 0))
           : static_cast<void*>(stbi_load_from_memory(file.data(), size, &width, &height, &channels, 0)),
      stbi_image_free);
  if (!samples) throw damaged(path, stbi_failure_reason());
  Picture picture = deep ? separate(static_cast<uint16_t*>(samples.get()), width, height, channels, 65535)
                         : separate(static_cast<uint8_t*>(samples.get()), width, height, channels, 255);
  const std::string space = header.profile.empty() ? "" : profile_space(header.profile);
  const bool grey = header.colour == kGrey || header.colour == kGreyAlpha;
  if (grey && space == "GRAY") {
    throw Failure(path + ": expected grey without a colour profile, found one; "
                         "liif-edge upscale converts it");
  }
  if (space == "RGB " && !grey) picture.profile = std::move(header.profile);
  return picture;
}

Bytes png_bytes(const Picture& picture, const std::string& what) {
  const auto& rgb = picture.rgb;
  const auto n = static_cast<size_t>(rgb.height * rgb.width);
  std::vector<float> planes;
  if (picture.grey) {
    for (size_t i = 0; i < n; ++i) {
      planes.push_back((rgb.values[i] + rgb.values[n + i] + rgb.values[2 * n + i]) / 3);
    }
  } else {
    planes = rgb.values;
  }
  if (picture.alpha) planes.insert(planes.end(), picture.alpha->values.begin(), picture.alpha->values.end());

  const size_t channels = planes.size() / n, width = static_cast<size_t>(rgb.width);
  const size_t pixel = channels * (picture.deep ? 2 : 1), row = 1 + width * pixel;
  Bytes rows(static_cast<size_t>(rgb.height) * row);
  // Where channel `c` of pixel `i` stands; a row begins with the name of its filter.
  const auto place = [&](size_t i, size_t c) {
    return i / width * row + 1 + i % width * pixel + c * (pixel / channels);
  };
  if (picture.deep) {
    const auto samples = to_samples<uint16_t>(planes, what);
    for (size_t at = 0; at < samples.size(); ++at) {
      uint8_t* to = &rows[place(at % n, at / n)];
      to[0] = static_cast<uint8_t>(samples[at] >> 8), to[1] = static_cast<uint8_t>(samples[at]);
    }
  } else {
    const auto samples = to_samples<uint8_t>(planes, what);
    for (size_t at = 0; at < samples.size(); ++at) rows[place(at % n, at / n)] = samples[at];
  }
  for (size_t start = 0; start < rows.size(); start += row) {
    rows[start] = 1;  // the filter "sub": each byte less that of the pixel to its left
    for (size_t at = start + row - 1; at > start + pixel; --at) {
      rows[at] = static_cast<uint8_t>(rows[at] - rows[at - pixel]);
    }
  }
  int size = 0;
  const std::unique_ptr<uint8_t, decltype(&std::free)> packed(
      stbi_zlib_compress(rows.data(), static_cast<int>(rows.size()), &size, 8), std::free);
  if (!packed) throw Failure("expected memory to pack the picture, found none left", Exit::kEnvironment);

  constexpr Colour kColours[] = {kGrey, kGreyAlpha, kRgb, kRgba};
  Bytes header;
  append_big_endian(header, static_cast<uint32_t>(rgb.width));
  append_big_endian(header, static_cast<uint32_t>(rgb.height));
  header.insert(header.end(), {static_cast<uint8_t>(picture.deep ? 16 : 8), kColours[channels - 1], 0, 0, 0});
  Bytes file(std::begin(kSignature), std::end(kSignature));
  append_chunk(file, "IHDR", header);
  if (!picture.profile.empty()) append_chunk(file, "iCCP", picture.profile);
  append_chunk(file, "IDAT", Bytes(packed.get(), packed.get() + size));
  append_chunk(file, "IEND", {});
  return file;
}

}  // namespace liif
