#include "flat_areas.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace liif {

namespace {

// As in edge/images/flat_areas.py, where the reasons are.
constexpr int kFlatReach = 8;  // LR px
constexpr std::array<float, 5> kShares{1, 0.5F, 0.25F, 0.125F, 0};
constexpr int kLeast = kFlatReach - static_cast<int>(kShares.size()) + 2;
constexpr float kEqual = 0x1p-17F;

// For each pixel how far, at most kFlatReach, pixels on both sides equal their neighbours: along rows for a
// `step` of 1, along columns for a step of the width.
std::vector<uint8_t> reaches(const Planes<float>& lr, int64_t lines, int64_t line, int64_t n, int64_t step) {
  const int64_t plane = lr.height * lr.width;
  std::vector<uint8_t> reach(static_cast<size_t>(plane), kFlatReach);
  const auto equal = [&](int64_t a, int64_t b) {
    for (int64_t c = 0; c < 3; ++c) {
      const float first = lr.values[static_cast<size_t>(c * plane + a)];
      if (std::abs(first - lr.values[static_cast<size_t>(c * plane + b)]) > kEqual) return false;
    }
    return true;
  };
  for (int64_t start = 0; start < lines * line; start += line) {
    const auto walk = [&](int64_t from, int64_t by) {
      int free = kFlatReach;
      for (int64_t i = 0, at = from; i < n; ++i, at += by) {
        free = i == 0 || equal(at - by, at) ? std::min(kFlatReach, free + 1) : 0;
        auto& least = reach[static_cast<size_t>(at)];
        least = std::min(least, static_cast<uint8_t>(free));
      }
    };
    walk(start, step);
    walk(start + (n - 1) * step, -step);
  }
  return reach;
}

}  // namespace

void keep_flat(Planes<float>& sr, const Planes<float>& lr, int64_t scale) {
  const int64_t h = lr.height, w = lr.width;
  const auto along = reaches(lr, h, w, w, 1), down = reaches(lr, w, 1, h, w);
  for (int64_t y = 0; y < h; ++y) {
    for (int64_t x = 0; x < w; ++x) {
      const auto at = static_cast<size_t>(y * w + x);
      const auto flat = [&](int64_t reach) {
        if (down[at] < reach) return false;
        for (int64_t row = std::max<int64_t>(0, y - reach); row <= std::min(h - 1, y + reach); ++row) {
          if (along[static_cast<size_t>(row * w + x)] < reach) return false;
        }
        return true;
      };
      int reach = std::min(along[at], down[at]);
      while (reach >= kLeast && !flat(reach)) --reach;
      if (reach < kLeast) continue;
      const float share = kShares[static_cast<size_t>(reach - kLeast + 1)];
      for (int64_t c = 0; c < 3; ++c) {
        const float colour = lr.values[static_cast<size_t>(c * h * w) + at];
        for (int64_t row = y * scale; row < (y + 1) * scale; ++row) {
          float* value = &sr.values[static_cast<size_t>((c * sr.height + row) * sr.width + x * scale)];
          for (int64_t i = 0; i < scale; ++i) value[i] = colour + (value[i] - colour) * share;
        }
      }
    }
  }
}

}  // namespace liif
