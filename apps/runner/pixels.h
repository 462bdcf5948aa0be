#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace liif {

// A plane or several, one after another: (channels, height, width).
template <typename Value>
struct Planes {
  int64_t channels, height, width;
  std::vector<Value> values;
};

// Clamped to [0, 1], times 255 (of uint16_t: 65535) in float32, rounded half to even. A Failure for NaN,
// which has no nearest sample; `what` names the pixels for it.
template <typename Sample>
std::vector<Sample> to_samples(const std::vector<float>& values, const std::string& what);

}  // namespace liif
