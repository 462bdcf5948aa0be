#pragma once

#include "pixels.h"
#include "tiling.h"

namespace liif {

// Other colours in `rgb` where `alpha` (1, h, w) is 0, so that what lies under clear pixels stays out of
// visible ones: `fill_clear` of edge/images/transparency.py, to the bit.
void fill_clear(Planes<float>& rgb, const Planes<float>& alpha);

// The least and the greatest that `alpha`, enlarged `scale` times, may be.
struct AlphaRange {
  Planes<float> low, high;

  bool one_value() const { return low.values == high.values; }

  // `grey` (3, H', W') of the network as alpha within the range; clean beside hard edges.
  Planes<float> limit(const Planes<float>& grey) const;
};

// At `target`: of the source pixel there and its eight neighbours.
AlphaRange alpha_range(const Planes<float>& alpha, const Rect& target, int64_t scale);

}  // namespace liif
