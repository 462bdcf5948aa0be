#include "tiling.h"

#include <algorithm>
#include <string>

#include "failure.h"

namespace liif {

namespace {

// One tile along one axis, in LR pixels: reads [start, stop), owns [first, last).
struct Span {
  int64_t start, stop, first, last;
};

std::vector<Span> plan_axis(int64_t length, int64_t tile, int64_t halo, int64_t smallest_side) {
  if (length < smallest_side) {
    const int64_t before = (smallest_side - length) / 2;
    return {{-before, smallest_side - before, 0, length}};
  }
  if (tile < length && tile <= 2 * halo) {
    throw Failure("expected a tile larger than two halos of " + std::to_string(halo) + ", found " +
                  std::to_string(tile));
  }
  const int64_t size = std::min(tile, length);
  const int64_t step = size - 2 * halo;
  std::vector<Span> spans;
  int64_t owned = 0;
  int64_t start = 0;
  while (start + size < length) {
    const int64_t last = start + size - halo;
    spans.push_back({start, start + size, owned, last});
    owned = last;
    start = std::min(start + step, length - size);
  }
  spans.push_back({start, start + size, owned, length});
  return spans;
}

}  // namespace

std::vector<Tile> plan_tiles(int64_t height, int64_t width, int64_t scale, int64_t tile, int64_t halo,
                             int64_t smallest_side) {
  const std::vector<Span> rows = plan_axis(height, tile, halo, smallest_side);
  const std::vector<Span> columns = plan_axis(width, tile, halo, smallest_side);
  // A tile owns LR pixels [a, b) and writes the output pixels whose centres lie in them. At a whole
  // scale these are [scale * a, scale * b): (2 * a * N + n - 1) // (2 * n) with N = scale * n.
  std::vector<Tile> tiles;
  for (const Span& row : rows) {
    for (const Span& column : columns) {
      tiles.push_back({{row.start, column.start, row.stop - row.start, column.stop - column.start},
                       {scale * row.first, scale * column.first, scale * (row.last - row.first),
                        scale * (column.last - column.first)}});
    }
  }
  return tiles;
}

}  // namespace liif
