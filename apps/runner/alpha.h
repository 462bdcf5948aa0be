#pragma once

#include <cstdint>

#include "pixels.h"

namespace liif {

// A plane of transparency, enlarged `scale` times by the bicubic filter that `liif-edge upscale` uses
// for it, to the same bytes.
Planes<uint8_t> enlarge_alpha(const Planes<uint8_t>& alpha, int64_t scale);

}  // namespace liif
