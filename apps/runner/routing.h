#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tiling.h"

namespace liif {

// What a card says of the router in its program (docs/format/artifact.md).
struct Routing {
  std::string method;
  int cell, halo;  // LR pixels
  std::string bigger;  // SHA-256 of the bigger network
  std::vector<double> thresholds;

  // The prediction above which cells are for the bigger network, at an `effort` of 0 to 100.
  float threshold(int effort) const;
};

// Cells, or what else lies in a row: [first, last).
struct Run {
  size_t first, last;

  bool operator==(const Run& other) const { return first == other.first && last == other.last; }
};

// A rectangle of cells.
struct Block {
  Run rows, columns;
};

// The cells of a tile: their edges, in LR pixels of the picture (edge/run/routing.py).
struct Cells {
  Tile tile;
  int64_t scale, halo;
  std::vector<int64_t> rows, columns;

  // Those of `block` as a tile of their own: they with their halo, as far as the whole tile reaches.
  Tile part(const Block& block) const;
};

Cells cells_of(const Tile& tile, int64_t scale, const Routing& routing);

// Which cells of a tile are `chosen`, row by row, as blocks: runs along a row, and those of several rows that
// begin and end alike.
std::vector<Block> merged(const std::vector<std::vector<bool>>& chosen);

}  // namespace liif
