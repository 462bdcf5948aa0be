#pragma once

#include <optional>
#include <string>

#include "file.h"
#include "pixels.h"

namespace liif {

struct Picture {
  Planes<float> rgb;                   // in [0, 1]
  std::optional<Planes<float>> alpha;  // in [0, 1]; none where every pixel is opaque
  Bytes profile;                       // an iCCP chunk's data, empty for sRGB
};

// As `liif-edge upscale` reads a PNG file: 16-bit grey keeps its bits, other 16-bit pictures their upper
// 8. A Failure for any other file, a damaged one, an animation, and for what only Python converts: a
// picture turned by EXIF, and grey with a colour profile.
Picture read_png(const std::string& path);

// The bytes of a PNG file. `rgb` (3, H, W), `alpha` (1, H, W).
Bytes png_bytes(const Planes<uint8_t>& rgb, const std::optional<Planes<uint8_t>>& alpha,
                const Bytes& profile);

}  // namespace liif
