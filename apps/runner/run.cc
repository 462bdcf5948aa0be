#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "arguments.h"
#include "commands.h"
#include "failure.h"
#include "npy.h"
#include "program.h"

namespace liif {

namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  size_t start = 0;
  for (size_t comma; (comma = text.find(',', start)) != std::string::npos; start = comma + 1) {
    parts.push_back(text.substr(start, comma - start));
  }
  parts.push_back(text.substr(start));
  return parts;
}

std::string output_path(const std::string& folder, size_t tile) {
  char name[32];
  std::snprintf(name, sizeof name, "%04zu.npy", tile);
  return folder + "/" + name;
}

// The smallest value that at least `share` of the values do not exceed.
double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(values.size())));
  return values[std::max<size_t>(rank, 1) - 1];
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace

void run_tiles(const std::vector<std::string>& words) {
  const Arguments arguments(words, {"--force", "-v"},
                            {"--method", "--input", "--output-dir", "--threads", "--warmup", "--repeat"});
  const std::string path = arguments.positional({"PROGRAM.pte"})[0];
  const std::string method = arguments.text("--method").value_or("forward");
  const std::string folder = arguments.required("--output-dir");
  const auto sets = arguments.all("--input");
  if (sets.empty()) throw Failure("expected --input, found none; --help shows how");
  const auto threads = arguments.number("--threads", 1, kMaxThreads);
  const int warmup = arguments.number("--warmup", 0, kMaxRuns).value_or(0);
  const int repeat = arguments.number("--repeat", 1, kMaxRuns).value_or(1);

  std::vector<std::vector<Tensor>> inputs;  // all are read before any is run
  for (const auto& set : sets) {
    inputs.emplace_back();
    for (const auto& file : split(set)) inputs.back().push_back(read_npy(file));
  }
  start_runtime(arguments.has("-v"));
  Program program(path, method, threads);
  make_folder(folder);
  for (size_t i = 0; i < sets.size(); ++i) check_output(output_path(folder, i), arguments.has("--force"));

  Json tiles = Json::array();
  for (size_t i = 0; i < sets.size(); ++i) {
    for (int n = 0; n < warmup; ++n) program.run(inputs[i]);
    std::vector<double> times;
    Tensor output;
    for (int n = 0; n < repeat; ++n) {
      Execution execution = program.run(inputs[i]);
      times.push_back(execution.ms);
      output = std::move(execution.output);
    }
    write_file(output_path(folder, i), npy_bytes(output));
    tiles.push_back({{"input", split(sets[i])},
                     {"output", output_path(folder, i)},
                     {"shape", output.shape},
                     {"median_ms", median(times)},
                     {"p95_ms", quantile(times, 0.95)}});
  }
  const auto peak = peak_mb();
  const Json report{{"program", path},
                    {"method", method},
                    {"threads", program.threads()},
                    {"tiles", tiles},
                    {"peak_mb", peak ? Json(*peak) : Json()},
                    {"load_ms", program.load_ms()}};
  std::cout << report.dump(2) << std::endl;
}

}  // namespace liif
