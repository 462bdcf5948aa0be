#include "card.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "failure.h"
#include "file.h"
#include "sha256.h"

namespace liif {

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

constexpr int kSchemaVersion = 1;
constexpr int kLargestExtension = 8;  // LR pixels (edge/card.py)
constexpr int kSmallestWindow = 8;  // LR pixels that a router needs (edge/card.py)
constexpr size_t kThresholds = 101;  // one for each percentage
constexpr int kMaxNumber = 1 << 16;  // for scales, tiles and halos: far above any, far from overflow

Json parse(const std::string& path) {
  const Bytes content = read_file(path, "an artifact's card");
  try {
    return Json::parse(content);
  } catch (const Json::exception&) {
    throw Failure(path + ": expected JSON, found something else");
  }
}

// Throws Json::exception where a field is missing or of another type.
Card read_fields(const std::string& path, const std::string& folder, const Json& values) {
  if (values.at("target") != "xnnpack") {
    throw Failure(path + ": expected an artifact for xnnpack, found one for " +
                  values.at("target").get<std::string>());
  }
  if (values.at("scale") == "any") {
    throw Failure(path + ": expected an artifact of a fixed scale, found one of any scale: it needs "
                         "liif-edge upscale, which gathers and blends");
  }
  const Json& method = values.at("methods").at(0);
  const Json& tile = values.at("tile");
  const std::string name = method.at("program");
  const Json& program = values.at("programs").at(name);
  if (method.at("name") != "forward" || fs::path(name).filename() != name) {
    throw Failure(path + ": expected a method forward in a program in the artifact's folder");
  }
  const auto whole = [&path](const Json& number) {
    if (!number.is_number_integer() || number < 0 || number > kMaxNumber) {
      throw Failure(path + ": expected a whole number up to " + std::to_string(kMaxNumber) + ", found " +
                    number.dump());
    }
    return number.get<int>();
  };
  std::optional<Routing> routing;
  if (const Json given = values.value("routing", Json()); !given.is_null()) {
    routing = {given.at("method"), whole(given.at("cell")), whole(given.at("halo")), given.at("bigger"),
               given.at("thresholds")};
    if (routing->cell < 1 || routing->halo < kSmallestWindow || routing->halo > whole(tile.at("halo")) ||
        routing->thresholds.size() != kThresholds) {
      throw Failure(path + ": expected a routing with a cell, a halo from " +
                    std::to_string(kSmallestWindow) + " to the tile's and " + std::to_string(kThresholds) +
                    " thresholds, found others");
    }
  }
  const bool one_size = !tile.at("fixed").is_null();
  const int halo = whole(tile.at("halo"));
  const Card card{values.at("name"),
                  (fs::path(folder) / name).string(),
                  whole(values.at("scale")),
                  whole(tile.at("maximum")),
                  whole(one_size ? tile.at("fixed") : tile.at("default")),
                  halo,
                  one_size ? 0 : std::min(halo, kLargestExtension),
                  values.at("checkpoint").at("sha256"),
                  routing};
  if (card.scale < 1 || card.tile < 1 || card.tile > card.tile_maximum) {
    throw Failure(path + ": expected a scale, tile and halo that fit together, found " + tile.dump());
  }
  const Bytes content = read_file(card.program, "the program that the card describes");
  const auto size = program.at("bytes").get<uint64_t>();
  if (content.size() != size) {
    throw Failure(card.program + ": expected the program that the card describes (" +
                  std::to_string(size) + " bytes), found " + std::to_string(content.size()) + " bytes");
  }
  const auto expected = program.at("sha256").get<std::string>();
  const auto found = sha256(content);
  if (found != expected) {
    throw Failure(card.program + ": expected the program that the card describes (sha256 " +
                  expected.substr(0, 12) + "…), found another or a damaged one (" +
                  found.substr(0, 12) + "…)");
  }
  return card;
}

}  // namespace

Card read_card(const std::string& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    throw Failure(folder + ": expected an artifact folder, found " +
                  (fs::exists(folder, error) ? "a file" : "nothing there"));
  }
  const std::string path = (fs::path(folder) / "card.json").string();
  const Json values = parse(path);
  const Json version = values.is_object() ? values.value("schema_version", Json()) : Json();
  if (version != kSchemaVersion) {
    throw Failure(path + ": expected schema version " + std::to_string(kSchemaVersion) + ", found " +
                  version.dump());
  }
  try {
    return read_fields(path, folder, values);
  } catch (const Json::exception& error) {
    const std::string reason = error.what();
    throw Failure(path + ": expected the fields of a card, found " + reason.substr(reason.find(']') + 2));
  }
}

}  // namespace liif
