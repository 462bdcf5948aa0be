#include "routing.h"

#include <algorithm>
#include <limits>

namespace liif {

namespace {

// [first, last) in as few parts of at most `cell` as there can be: the edges of these.
std::vector<int64_t> edges(int64_t first, int64_t last, int64_t cell) {
  const int64_t length = last - first;
  const int64_t count = (length + cell - 1) / cell;
  std::vector<int64_t> found;
  for (int64_t number = 0; number <= count; ++number) found.push_back(first + number * length / count);
  return found;
}

std::vector<Run> runs_of(const std::vector<bool>& chosen) {
  std::vector<Run> runs;
  for (size_t i = 0; i < chosen.size(); ++i) {
    if (!chosen[i]) continue;
    if (i > 0 && chosen[i - 1]) {
      runs.back().last = i + 1;
    } else {
      runs.push_back({i, i + 1});
    }
  }
  return runs;
}

}  // namespace

float Routing::threshold(int effort) const {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (effort <= 0) return kInfinity;
  return effort >= 100 ? -kInfinity : static_cast<float>(thresholds[static_cast<size_t>(effort)]);
}

Tile Cells::part(const Block& block) const {
  const int64_t top = rows[block.rows.first], bottom = rows[block.rows.last];
  const int64_t left = columns[block.columns.first], right = columns[block.columns.last];
  const Rect& whole = tile.source;
  const int64_t first = std::max(top - halo, whole.top);
  const int64_t last = std::min(bottom + halo, whole.top + whole.height);
  const int64_t start = std::max(left - halo, whole.left);
  const int64_t stop = std::min(right + halo, whole.left + whole.width);
  return {{first, start, last - first, stop - start},
          {scale * top, scale * left, scale * (bottom - top), scale * (right - left)}};
}

Cells cells_of(const Tile& tile, int64_t scale, const Routing& routing) {
  const Rect& target = tile.target;
  const int64_t top = target.top / scale, left = target.left / scale;
  return {tile, scale, routing.halo, edges(top, top + target.height / scale, routing.cell),
          edges(left, left + target.width / scale, routing.cell)};
}

std::vector<Block> merged(const std::vector<std::vector<bool>>& chosen) {
  std::vector<Block> blocks, growing;  // growing: those that reach down to the row before
  for (size_t row = 0; row < chosen.size(); ++row) {
    std::vector<Block> reached;
    for (const Run& run : runs_of(chosen[row])) {
      const auto above = std::find_if(growing.begin(), growing.end(),
                                      [&run](const Block& block) { return block.columns == run; });
      reached.push_back({{above == growing.end() ? row : above->rows.first, row + 1}, run});
      if (above != growing.end()) growing.erase(above);
    }
    blocks.insert(blocks.end(), growing.begin(), growing.end());
    growing = std::move(reached);
  }
  blocks.insert(blocks.end(), growing.begin(), growing.end());
  return blocks;
}

}  // namespace liif
