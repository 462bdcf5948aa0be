#include "pixels.h"

#include <algorithm>
#include <cmath>

#include "failure.h"

namespace liif {

std::vector<uint8_t> to_bytes(const std::vector<float>& values, const std::string& what) {
  const auto n_nan = std::count_if(values.begin(), values.end(), [](float v) { return std::isnan(v); });
  if (n_nan > 0) {
    throw Failure(what + ": expected pixels in numbers, found NaN in " + std::to_string(n_nan) + " of " +
                  std::to_string(values.size()) + " values");
  }
  std::vector<uint8_t> bytes(values.size());
  // nearbyint rounds half to even in the rounding mode that every program starts in.
  std::transform(values.begin(), values.end(), bytes.begin(), [](float v) {
    return static_cast<uint8_t>(std::nearbyint(std::clamp(v, 0.0f, 1.0f) * 255.0f));
  });
  return bytes;
}

}  // namespace liif
