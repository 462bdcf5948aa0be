#pragma once

#include <cstdint>
#include <vector>

namespace liif {

// Pixels: `height` x `width` from (`top`, `left`).
struct Rect {
  int64_t top, left, height, width;
};

// `source`: LR pixels to read, halo included; `target`: output pixels to write.
struct Tile {
  Rect source, target;

  // The part of the program's output that goes to `target`.
  Rect crop(int64_t scale) const {
    return {target.top - scale * source.top, target.left - scale * source.left, target.height,
            target.width};
  }
};

// The tiles of docs/tiling.md at a whole `scale`, row by row: windows of at most `tile` LR pixels a
// side, `halo` included, that shift inward at a border. A Failure for a halo that leaves nothing to own.
std::vector<Tile> plan_tiles(int64_t height, int64_t width, int64_t scale, int64_t tile, int64_t halo);

}  // namespace liif
