#pragma once

#include <string>
#include <vector>

namespace liif {

// The two commands. Each prints one JSON object on standard output, and fails by a Failure.
void run_tiles(const std::vector<std::string>& words);
void upscale(const std::vector<std::string>& words);

}  // namespace liif
