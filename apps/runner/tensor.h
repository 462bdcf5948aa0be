#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace liif {

// float32, C order.
struct Tensor {
  std::vector<int64_t> shape;
  std::vector<float> values;
};

// "(1, 3, 24, 24)".
template <typename Sizes>
std::string shape_text(const Sizes& shape) {
  std::string text;
  for (const auto size : shape) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "(" + text + ")";
}

}  // namespace liif
