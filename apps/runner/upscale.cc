#include <algorithm>
#include <cctype>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "alpha.h"
#include "arguments.h"
#include "card.h"
#include "commands.h"
#include "failure.h"
#include "flat_areas.h"
#include "png.h"
#include "program.h"
#include "tiling.h"

namespace liif {

namespace {

// 12 bytes each while the picture is put together: 1.2 GB (edge/run/upscale.py).
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

// `alpha` (1, h, w), enlarged as a grey picture is.
Planes<float> enlarge_alpha(Program& program, const Planes<float>& alpha, const std::vector<Tile>& tiles,
                            int64_t scale) {
  Planes<float> grey{3, alpha.height, alpha.width, {}};
  for (int c = 0; c < 3; ++c) grey.values.insert(grey.values.end(), alpha.values.begin(), alpha.values.end());
  Planes<float> large = empty(1, scale * alpha.height, scale * alpha.width);
  for (const Tile& tile : tiles) {
    const AlphaRange range = alpha_range(alpha, tile.target, scale);
    put(range.one_value() ? range.low : range.limit(render(program, grey, tile, scale)), tile.target, large);
  }
  return large;
}

}  // namespace

void upscale(const std::vector<std::string>& words) {
  const auto start = std::chrono::steady_clock::now();
  const Arguments arguments(words, {"--force", "-v"}, {"--threads", "--tile", "--halo"});
  const auto paths = arguments.positional({"ARTIFACT_DIR", "IN.png", "OUT.png"});
  const std::string &in = paths[1], &out = paths[2];
  std::string extension = std::filesystem::path(out).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  if (extension != ".png") throw Failure(out + ": expected a name ending in .png");
  check_output(out, arguments.has("--force"));
  const Card card = read_card(paths[0]);
  const int tile = arguments.number("--tile", 1, kMaxPixels).value_or(card.tile);
  const int halo = arguments.number("--halo", 0, kMaxPixels).value_or(card.halo);
  Picture picture = read_png(in);
  auto& lr = picture.rgb;
  if (lr.height * lr.width > kMaxOutputPixels / (card.scale * card.scale)) {
    throw Failure(in + ": expected a target of at most " + std::to_string(kMaxOutputPixels) +
                  " pixels, found " + std::to_string(card.scale * lr.width) + "x" +
                  std::to_string(card.scale * lr.height));
  }
  const auto tiles = plan_tiles(lr.height, lr.width, card.scale, tile, halo, card.smallest_side);
  const int64_t largest = std::min<int64_t>(tile, std::max(lr.height, lr.width));
  if (largest > card.tile_maximum) {
    throw Failure("expected tiles up to " + std::to_string(card.tile_maximum) + " pixels, found " +
                  std::to_string(largest));
  }
  start_runtime(arguments.has("-v"));
  Program program(card.program, "forward", arguments.number("--threads", 1, kMaxThreads));
  if (picture.alpha) {
    fill_clear(lr, *picture.alpha);
    picture.alpha = enlarge_alpha(program, *picture.alpha, tiles, card.scale);
  }
  Planes<float> sr = empty(3, card.scale * lr.height, card.scale * lr.width);
  for (const Tile& part : tiles) put(render(program, lr, part, card.scale), part.target, sr);
  keep_flat(sr, lr, card.scale);
  lr = std::move(sr);
  write_file(out, png_bytes(picture, out));

  const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
  const auto peak = peak_mb();
  using Json = nlohmann::ordered_json;
  const Json report{{"artifact", card.name},
                    {"output", out},
                    {"size", {picture.rgb.width, picture.rgb.height}},
                    {"tiles", tiles.size()},
                    {"threads", program.threads()},
                    {"total_ms", elapsed.count()},
                    {"peak_mb", peak ? Json(*peak) : Json()}};
  std::cout << report.dump(2) << std::endl;
}

}  // namespace liif
