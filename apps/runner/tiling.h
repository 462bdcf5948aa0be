#pragma once

#include <cstdint>
#include <vector>

namespace liif {

// Pixels: `height` x `width` from (`top`, `left`).
struct Rect {
  int64_t top, left, height, width;
};

// `source`: LR pixels to read, halo included; `target`: output pixels to write. A source that leaves its
// picture, at negative rows for example, reads the nearest pixel of it.
struct Tile {
  Rect source, target;

  // The part of the program's output that goes to `target`.
  Rect crop(int64_t scale) const {
    return {target.top - scale * source.top, target.left - scale * source.left, target.height,
            target.width};
  }
};

// The tiles of docs/format/tiling.md at a whole `scale`, row by row: windows of at most `tile` LR pixels a
// side, `halo` included, that shift inward at a border. An axis of fewer than `smallest_side` pixels is
// one window of as many, whatever the tile. A Failure for a halo that leaves nothing to own.
std::vector<Tile> plan_tiles(int64_t height, int64_t width, int64_t scale, int64_t tile, int64_t halo,
                             int64_t smallest_side);

}  // namespace liif
