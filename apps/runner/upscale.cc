#include <algorithm>
#include <cctype>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "alpha.h"
#include "arguments.h"
#include "card.h"
#include "commands.h"
#include "failure.h"
#include "flat_areas.h"
#include "png.h"
#include "program.h"
#include "routing.h"
#include "tiling.h"

namespace liif {

namespace {

// 12 bytes each while the picture is put together: 1.2 GB. `liif-edge upscale` writes PNG row by row, and has
// no such limit.
constexpr int64_t kMaxOutputPixels = 100'000'000;

Planes<float> empty(int64_t channels, int64_t height, int64_t width) {
  return {channels, height, width, std::vector<float>(static_cast<size_t>(channels * height * width))};
}

// `source` of `lr`; outside the picture its nearest pixel.
Planes<float> window_of(const Planes<float>& lr, const Rect& source) {
  Planes<float> window = empty(3, source.height, source.width);
  auto to = window.values.begin();
  for (int64_t c = 0; c < lr.channels; ++c) {
    for (int64_t y = 0; y < source.height; ++y) {
      const int64_t row = std::clamp<int64_t>(source.top + y, 0, lr.height - 1);
      for (int64_t x = 0; x < source.width; ++x) {
        const int64_t column = std::clamp<int64_t>(source.left + x, 0, lr.width - 1);
        *to++ = lr.values[static_cast<size_t>((c * lr.height + row) * lr.width + column)];
      }
    }
  }
  return window;
}

// The rectangle `crop` of `from`.
Planes<float> cut(const Planes<float>& from, const Rect& crop) {
  Planes<float> part = empty(from.channels, crop.height, crop.width);
  auto to = part.values.begin();
  for (int64_t c = 0; c < from.channels; ++c) {
    for (int64_t y = 0; y < crop.height; ++y) {
      const auto row =
          from.values.begin() + ((c * from.height + crop.top + y) * from.width + crop.left);
      to = std::copy(row, row + crop.width, to);
    }
  }
  return part;
}

// Copies `part` to its place `target` of `whole`.
void put(const Planes<float>& part, const Rect& target, Planes<float>& whole) {
  auto from = part.values.begin();
  for (int64_t c = 0; c < part.channels; ++c) {
    for (int64_t y = 0; y < target.height; ++y, from += target.width) {
      std::copy(from, from + target.width,
                whole.values.begin() +
                    ((c * whole.height + target.top + y) * whole.width + target.left));
    }
  }
}

// The target of one tile of `lr`.
Planes<float> render(Program& program, const Planes<float>& lr, const Tile& tile, int64_t scale) {
  const Rect& source = tile.source;
  Planes<float> window = window_of(lr, source);
  Tensor output = program.run({{{1, 3, source.height, source.width}, std::move(window.values)}}).output;
  const std::vector<int64_t> expected{1, 3, scale * source.height, scale * source.width};
  if (output.shape != expected) {
    throw Failure("expected the program to return " + shape_text(expected) + ", found " +
                  shape_text(output.shape));
  }
  return cut({3, expected[2], expected[3], std::move(output.values)}, tile.crop(scale));
}

// A bigger network, and the router that predicts where it gains over a smaller one.
struct Router {
  Routing routing;
  float threshold;
  Program route, bigger;
  size_t n_cells = 0, n_bigger = 0;

  // Which cells of a tile of `lr` are for the bigger network.
  std::vector<std::vector<bool>> choose(const Planes<float>& lr, const Cells& cells) {
    std::vector<std::vector<bool>> chosen(cells.rows.size() - 1);
    for (size_t row = 0; row < chosen.size(); ++row) {
      for (size_t column = 0; column + 1 < cells.columns.size(); ++column) {
        const Rect source = cells.part({{row, row + 1}, {column, column + 1}}).source;
        const Tensor gain =
            route.run({{{1, 3, source.height, source.width}, window_of(lr, source).values}}).output;
        if (gain.values.size() != 1) {
          throw Failure("expected the router to return one number, found " + shape_text(gain.shape));
        }
        chosen[row].push_back(gain.values[0] > threshold);
        n_bigger += chosen[row].back();
        ++n_cells;
      }
    }
    return chosen;
  }
};

// Makes the tiles of an enlargement: by one program, or with a router by two (edge/run/routing.py).
struct Renderer {
  Program& program;
  int64_t scale;
  Router* router;  // null without one

  Planes<float> operator()(const Planes<float>& lr, const Tile& tile) const {
    if (router == nullptr) return render(program, lr, tile, scale);
    const Cells cells = cells_of(tile, scale, router->routing);
    const std::vector<Block> blocks = merged(router->choose(lr, cells));
    const Block all{{0, cells.rows.size() - 1}, {0, cells.columns.size() - 1}};
    if (blocks.size() == 1 && blocks[0].rows == all.rows && blocks[0].columns == all.columns) {
      return render(router->bigger, lr, tile, scale);
    }
    Planes<float> made = render(program, lr, tile, scale);
    for (const Block& block : blocks) {
      const Tile part = cells.part(block);
      Rect target = part.target;
      target.top -= tile.target.top;
      target.left -= tile.target.left;
      put(render(router->bigger, lr, part, scale), target, made);
    }
    return made;
  }
};

// `alpha` (1, h, w), enlarged as a grey picture is.
Planes<float> enlarge_alpha(const Renderer& renderer, const Planes<float>& alpha,
                            const std::vector<Tile>& tiles) {
  Planes<float> grey{3, alpha.height, alpha.width, {}};
  for (int c = 0; c < 3; ++c) grey.values.insert(grey.values.end(), alpha.values.begin(), alpha.values.end());
  const int64_t scale = renderer.scale;
  Planes<float> large = empty(1, scale * alpha.height, scale * alpha.width);
  for (const Tile& tile : tiles) {
    const AlphaRange range = alpha_range(alpha, tile.target, scale);
    put(range.one_value() ? range.low : range.limit(renderer(grey, tile)), tile.target, large);
  }
  return large;
}

// The artifact of the bigger network that `card` knows. A Failure for others.
Card read_bigger(const std::string& folder, const Card& card, int halo) {
  if (!card.routing) throw Failure("expected an artifact with a router, found " + card.name + ", which has none");
  if (halo < card.routing->halo) {
    throw Failure("expected a halo of at least the router's " + std::to_string(card.routing->halo) +
                  ", found " + std::to_string(halo));
  }
  Card bigger = read_card(folder);
  if (bigger.checkpoint != card.routing->bigger || bigger.scale != card.scale) {
    throw Failure(folder + ": expected an artifact at x" + std::to_string(card.scale) +
                  " of the checkpoint " + card.routing->bigger.substr(0, 12) + "…, found one at x" +
                  std::to_string(bigger.scale) + " of " + bigger.checkpoint.substr(0, 12) + "…");
  }
  return bigger;
}

// The artifact of --bigger, none without it. A Failure for one of --effort and --bigger alone.
std::optional<Card> bigger_card(const Arguments& arguments, const Card& card, int halo) {
  const auto effort = arguments.number("--effort", 0, 100);
  const auto folder = arguments.text("--bigger");
  if (effort.has_value() != folder.has_value()) {
    throw Failure("expected --effort and --bigger together, found one alone");
  }
  return folder ? std::optional(read_bigger(*folder, card, halo)) : std::nullopt;
}

std::unique_ptr<Router> make_router(const Card& card, const Card& bigger, int effort,
                                    std::optional<int> threads) {
  const Routing& routing = *card.routing;
  return std::unique_ptr<Router>(new Router{routing, routing.threshold(effort),
                                            Program(card.program, routing.method, threads),
                                            Program(bigger.program, "forward", threads)});
}

// A Failure unless `out` is the name of a PNG file that may be written.
void check_png_output(const std::string& out, bool force) {
  std::string extension = std::filesystem::path(out).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  if (extension != ".png") throw Failure(out + ": expected a name ending in .png");
  check_output(out, force);
}

// The tiles of `lr`, which `in` holds. A Failure for a picture whose target is too large to be held, and for
// tiles that the program does not take.
std::vector<Tile> checked_tiles(const Planes<float>& lr, const std::string& in, const Card& card, int tile,
                                int halo) {
  if (lr.height * lr.width > kMaxOutputPixels / (card.scale * card.scale)) {
    throw Failure(in + ": expected a target of at most " + std::to_string(kMaxOutputPixels) +
                  " pixels, found " + std::to_string(card.scale * lr.width) + "x" +
                  std::to_string(card.scale * lr.height));
  }
  auto tiles = plan_tiles(lr.height, lr.width, card.scale, tile, halo, card.smallest_side);
  const int64_t largest = std::min<int64_t>(tile, std::max(lr.height, lr.width));
  if (largest > card.tile_maximum) {
    throw Failure("expected tiles up to " + std::to_string(card.tile_maximum) + " pixels, found " +
                  std::to_string(largest));
  }
  return tiles;
}

// Colours and alpha of `picture` in place, by `tiles`.
void enlarge(Picture& picture, const Renderer& renderer, const std::vector<Tile>& tiles) {
  auto& lr = picture.rgb;
  if (picture.alpha) {
    fill_clear(lr, *picture.alpha);
    picture.alpha = enlarge_alpha(renderer, *picture.alpha, tiles);
  }
  Planes<float> sr = empty(3, renderer.scale * lr.height, renderer.scale * lr.width);
  for (const Tile& tile : tiles) put(renderer(lr, tile), tile.target, sr);
  keep_flat(sr, lr, renderer.scale);
  lr = std::move(sr);
}

}  // namespace

void upscale(const std::vector<std::string>& words) {
  const auto start = std::chrono::steady_clock::now();
  const Arguments arguments(words, {"--force", "-v"}, {"--threads", "--tile", "--halo", "--effort", "--bigger"});
  const auto paths = arguments.positional({"ARTIFACT_DIR", "IN.png", "OUT.png"});
  const std::string &in = paths[1], &out = paths[2];
  check_png_output(out, arguments.has("--force"));
  const Card card = read_card(paths[0]);
  const int tile = arguments.number("--tile", 1, kMaxPixels).value_or(card.tile);
  const int halo = arguments.number("--halo", 0, kMaxPixels).value_or(card.halo);
  const auto bigger = bigger_card(arguments, card, halo);
  Picture picture = read_png(in);
  const auto tiles = checked_tiles(picture.rgb, in, card, tile, halo);

  start_runtime(arguments.has("-v"));
  const auto threads = arguments.number("--threads", 1, kMaxThreads);
  Program program(card.program, "forward", threads);
  const auto router =
      bigger ? make_router(card, *bigger, *arguments.number("--effort", 0, 100), threads) : nullptr;
  enlarge(picture, {program, card.scale, router.get()}, tiles);
  write_file(out, png_bytes(picture, out));

  const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
  const auto peak = peak_mb();
  using Json = nlohmann::ordered_json;
  Json report{{"artifact", card.name},
              {"output", out},
              {"size", {picture.rgb.width, picture.rgb.height}},
              {"tiles", tiles.size()},
              {"threads", program.threads()},
              {"total_ms", elapsed.count()},
              {"peak_mb", peak ? Json(*peak) : Json()}};
  if (router) report["share"] = double(router->n_bigger) / double(std::max<size_t>(router->n_cells, 1));
  std::cout << report.dump(2) << std::endl;
}

}  // namespace liif
