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
  bool grey = false;                   // three equal planes, written as one
  bool deep = false;                   // 16 bits a sample
};

// As `liif-edge upscale` reads a PNG file. A Failure for any other file, a damaged one, an animation, and
// for what only Python converts: a picture turned by EXIF, grey with a colour profile, a gamma.
Picture read_png(const std::string& path);

// The bytes of a PNG file of `picture`, in [0, 1] after clamping; `what` names it for a Failure.
Bytes png_bytes(const Picture& picture, const std::string& what);

}  // namespace liif
