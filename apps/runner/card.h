#pragma once

#include <optional>
#include <string>

#include "routing.h"

namespace liif {

// What the runner needs of an artifact's card.json (docs/format/artifact.md).
struct Card {
  std::string name;
  std::string program;  // path of the .pte file, of the size and SHA-256 that the card gives
  int scale;
  // Tiles in LR pixels, halo included.
  int tile_maximum;
  int tile;
  int halo;
  int smallest_side;  // to which a picture's shorter axes are extended (docs/format/tiling.md)
  std::string checkpoint;  // SHA-256 of the network
  std::optional<Routing> routing;
};

// The card of the fixed-scale artifact in `folder`. A Failure for a folder that is none, for an artifact
// of any scale or of another target, and for a program that is not the one the card describes.
Card read_card(const std::string& folder);

}  // namespace liif
