#pragma once

#include "pixels.h"

namespace liif {

// The colours of `lr` (3, h, w) in the flat areas of `sr`, which is `scale` times as large: `keep_flat` of
// edge/images/flat_areas.py, to the bit.
void keep_flat(Planes<float>& sr, const Planes<float>& lr, int64_t scale);

}  // namespace liif
