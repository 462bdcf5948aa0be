#include "alpha.h"

#include <algorithm>
#include <cmath>

namespace liif {

namespace {

// Keys' cubic convolution with a = -1/2, the one that keeps straight edges; zero from 2 on.
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

constexpr double kSupport = 2;  // input pixels to either side

// Weights in fixed point with 22 bits: 32, less 8 of the pixel and 2 of headroom for the negative lobes.
constexpr int kFraction = 32 - 8 - 2;

// One output pixel of a row: a weighted sum of input pixels from `first` on.
struct Taps {
  int64_t first;
  std::vector<int32_t> weights;
};

std::vector<Taps> plan_row(int64_t n_in, int64_t scale) {
  std::vector<Taps> row;
  for (int64_t j = 0; j < n_in * scale; ++j) {
    const double step = static_cast<double>(n_in) / static_cast<double>(n_in * scale);
    const double centre = (static_cast<double>(j) + 0.5) * step;
    const auto first = std::max<int64_t>(0, static_cast<int64_t>(centre - kSupport + 0.5));
    const auto last = std::min(n_in, static_cast<int64_t>(centre + kSupport + 0.5));
    std::vector<double> exact;
    double sum = 0;
    for (int64_t i = first; i < last; ++i) {
      exact.push_back(cubic(static_cast<double>(i) - centre + 0.5));
      sum += exact.back();
    }
    Taps taps{first, {}};
    for (const double weight : exact) {
      taps.weights.push_back(static_cast<int32_t>(std::round(weight / sum * (1 << kFraction))));
    }
    row.push_back(std::move(taps));
  }
  return row;
}

// Along one axis: `stride` between its neighbours, `lines` of them that lie `spacing` apart.
void enlarge(const uint8_t* in, uint8_t* out, int64_t n_in, int64_t scale, int64_t lines, int64_t stride,
             int64_t spacing_in, int64_t spacing_out) {
  const auto row = plan_row(n_in, scale);
  for (int64_t line = 0; line < lines; ++line) {
    for (size_t j = 0; j < row.size(); ++j) {
      int32_t sum = 1 << (kFraction - 1);
      const uint8_t* from = in + line * spacing_in + row[j].first * stride;
      for (const int32_t weight : row[j].weights) {
        sum += weight * *from;
        from += stride;
      }
      out[line * spacing_out + static_cast<int64_t>(j) * stride] =
          static_cast<uint8_t>(std::clamp(sum >> kFraction, 0, 255));
    }
  }
}

}  // namespace

Planes<uint8_t> enlarge_alpha(const Planes<uint8_t>& alpha, int64_t scale) {
  const int64_t h = alpha.height, w = alpha.width;
  std::vector<uint8_t> wide(static_cast<size_t>(h * w * scale));
  enlarge(alpha.values.data(), wide.data(), w, scale, h, 1, w, w * scale);
  Planes<uint8_t> large{1, h * scale, w * scale, {}};
  large.values.resize(wide.size() * static_cast<size_t>(scale));
  enlarge(wide.data(), large.values.data(), h, scale, w * scale, w * scale, 1, 1);
  return large;
}

}  // namespace liif
