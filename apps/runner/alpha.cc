#include "alpha.h"

#include <algorithm>

namespace liif {

namespace {

// As in edge/images/transparency.py, where the reasons are.
constexpr int kFillReach = 36;  // LR px
constexpr float kEdge = 0.5, kNoise = static_cast<float>(6.0 / 255);

}  // namespace

void fill_clear(Planes<float>& rgb, const Planes<float>& alpha) {
  const int64_t h = alpha.height, w = alpha.width, n = h * w;
  std::vector<char> known(static_cast<size_t>(n));
  std::vector<int64_t> ring;
  for (int64_t at = 0; at < n; ++at) {
    known[static_cast<size_t>(at)] = alpha.values[static_cast<size_t>(at)] > 0;
    if (known[static_cast<size_t>(at)]) ring.push_back(at);
  }
  // What is called for each neighbour, row by row.
  const auto neighbours = [&](int64_t at, const auto& call) {
    for (int64_t y = std::max<int64_t>(0, at / w - 1); y <= std::min(h - 1, at / w + 1); ++y) {
      for (int64_t x = std::max<int64_t>(0, at % w - 1); x <= std::min(w - 1, at % w + 1); ++x) {
        if (y * w + x != at) call(y * w + x);
      }
    }
  };
  for (int step = 0; step < kFillReach && !ring.empty(); ++step) {
    std::vector<int64_t> next;
    for (const int64_t at : ring) {
      neighbours(at, [&](int64_t beside) {
        if (!known[static_cast<size_t>(beside)]) next.push_back(beside);
      });
    }
    std::sort(next.begin(), next.end());
    next.erase(std::unique(next.begin(), next.end()), next.end());
    for (const int64_t at : next) {
      for (int64_t c = 0; c < 3; ++c) {
        float total = 0, count = 0;
        neighbours(at, [&](int64_t beside) {
          if (!known[static_cast<size_t>(beside)]) return;
          total += rgb.values[static_cast<size_t>(c * n + beside)];
          ++count;
        });
        rgb.values[static_cast<size_t>(c * n + at)] = total / count;
      }
    }
    for (const int64_t at : next) known[static_cast<size_t>(at)] = true;
    ring = std::move(next);
  }
}

AlphaRange alpha_range(const Planes<float>& alpha, const Rect& target, int64_t scale) {
  const auto n = static_cast<size_t>(target.height * target.width);
  AlphaRange range{{1, target.height, target.width, std::vector<float>(n, 1)},
                   {1, target.height, target.width, std::vector<float>(n, 0)}};
  for (size_t at = 0; at < n; ++at) {
    const int64_t row = (target.top + static_cast<int64_t>(at) / target.width) / scale;
    const int64_t column = (target.left + static_cast<int64_t>(at) % target.width) / scale;
    for (int64_t y = std::max<int64_t>(0, row - 1); y <= std::min(alpha.height - 1, row + 1); ++y) {
      for (int64_t x = std::max<int64_t>(0, column - 1); x <= std::min(alpha.width - 1, column + 1); ++x) {
        const float value = alpha.values[static_cast<size_t>(y * alpha.width + x)];
        range.low.values[at] = std::min(range.low.values[at], value);
        range.high.values[at] = std::max(range.high.values[at], value);
      }
    }
  }
  return range;
}

Planes<float> AlphaRange::limit(const Planes<float>& grey) const {
  Planes<float> limited = low;
  const size_t n = low.values.size();
  for (size_t at = 0; at < n; ++at) {
    const float least = low.values[at], greatest = high.values[at];
    const float sum = grey.values[at] + grey.values[n + at] + grey.values[2 * n + at];
    float value = std::clamp(sum / 3, least, greatest);
    if (greatest - least >= kEdge) {
      if (value - least < kNoise) value = least;
      if (greatest - value < kNoise) value = greatest;
    }
    limited.values[at] = value;
  }
  return limited;
}

}  // namespace liif
