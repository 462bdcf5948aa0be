#include "pixels.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "failure.h"

namespace liif {

template <typename Sample>
std::vector<Sample> to_samples(const std::vector<float>& values, const std::string& what) {
  const auto n_nan = std::count_if(values.begin(), values.end(), [](float v) { return std::isnan(v); });
  if (n_nan > 0) {
    throw Failure(what + ": expected pixels in numbers, found NaN in " + std::to_string(n_nan) + " of " +
                  std::to_string(values.size()) + " values");
  }
  constexpr float kWhite = std::numeric_limits<Sample>::max();
  std::vector<Sample> samples(values.size());
  // nearbyint rounds half to even in the rounding mode that every program starts in.
  std::transform(values.begin(), values.end(), samples.begin(), [](float v) {
    return static_cast<Sample>(std::nearbyint(std::clamp(v, 0.0f, 1.0f) * kWhite));
  });
  return samples;
}

template std::vector<uint8_t> to_samples(const std::vector<float>&, const std::string&);
template std::vector<uint16_t> to_samples(const std::vector<float>&, const std::string&);

}  // namespace liif
