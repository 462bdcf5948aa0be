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
#include "png.h"
#include "program.h"
#include "tiling.h"

namespace liif {

namespace {

// 12 bytes each while the picture is put together: 1.2 GB (edge/run/upscale.py).
constexpr int64_t kMaxOutputPixels = 100'000'000;

Planes<float> empty(int64_t height, int64_t width) {
  return {3, height, width, std::vector<float>(static_cast<size_t>(3 * height * width))};
}

// `source` of `lr`; outside the picture its nearest pixel.
Planes<float> window_of(const Planes<float>& lr, const Rect& source) {
  Planes<float> window = empty(source.height, source.width);
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

// Copies the rectangle at (`from_top`, `from_left`) of `from` to (`to_top`, `to_left`) of `to`.
void copy(const Planes<float>& from, int64_t from_top, int64_t from_left, Planes<float>& to,
          int64_t to_top, int64_t to_left, int64_t height, int64_t width) {
  for (int64_t c = 0; c < from.channels; ++c) {
    for (int64_t y = 0; y < height; ++y) {
      const auto row = from.values.begin() + ((c * from.height + from_top + y) * from.width + from_left);
      std::copy(row, row + width,
                to.values.begin() + ((c * to.height + to_top + y) * to.width + to_left));
    }
  }
}

// One tile of `lr` into its place in `sr`.
void render(Program& program, const Planes<float>& lr, const Tile& tile, int64_t scale, Planes<float>& sr) {
  const Rect& source = tile.source;
  Planes<float> window = window_of(lr, source);
  Tensor output = program.run({{{1, 3, source.height, source.width}, std::move(window.values)}}).output;
  const std::vector<int64_t> expected{1, 3, scale * source.height, scale * source.width};
  if (output.shape != expected) {
    throw Failure("expected the program to return " + shape_text(expected) + ", found " +
                  shape_text(output.shape));
  }
  const Planes<float> large{3, expected[2], expected[3], std::move(output.values)};
  const Rect crop = tile.crop(scale);
  copy(large, crop.top, crop.left, sr, tile.target.top, tile.target.left, crop.height, crop.width);
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
  const Picture picture = read_png(in);
  const auto& lr = picture.rgb;
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
  Planes<float> sr = empty(card.scale * lr.height, card.scale * lr.width);
  for (const Tile& part : tiles) render(program, lr, part, card.scale, sr);
  std::optional<Planes<uint8_t>> alpha;
  if (picture.alpha) alpha = enlarge_alpha(*picture.alpha, card.scale);
  const Planes<uint8_t> rgb{3, sr.height, sr.width, to_bytes(sr.values, out)};
  write_file(out, png_bytes(rgb, alpha, picture.profile));

  const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
  const auto peak = peak_mb();
  using Json = nlohmann::ordered_json;
  const Json report{{"artifact", card.name},
                    {"output", out},
                    {"size", {sr.width, sr.height}},
                    {"tiles", tiles.size()},
                    {"threads", program.threads()},
                    {"total_ms", elapsed.count()},
                    {"peak_mb", peak ? Json(*peak) : Json()}};
  std::cout << report.dump(2) << std::endl;
}

}  // namespace liif
