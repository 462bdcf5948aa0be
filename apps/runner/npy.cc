#include "npy.h"

#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

#include "failure.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "arrays are copied as they lie in the file");

namespace liif {

namespace {

// numpy.lib.format: magic, version 1.0, length of the header (u16), header, data.
constexpr char kMagic[] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0};
constexpr size_t kPreamble = sizeof kMagic + 2;
constexpr size_t kAlignment = 64;  // bytes, of the data's start

// Elements of an array: 16 GiB of float32, more than any tile and far from overflow.
constexpr int64_t kMaxElements = int64_t{1} << 32;

struct Header {
  std::string_view type, fortran_order, shape;
};

// NumPy's dictionary, spelt as NumPy spells it; none for anything else.
std::optional<Header> parse_header(std::string_view text) {
  const auto take = [&text](std::string_view before, std::string_view after) {
    std::optional<std::string_view> value;
    const size_t end = text.find(after, before.size());
    if (text.substr(0, before.size()) != before || end == text.npos) return value;
    value = text.substr(before.size(), end - before.size());
    text.remove_prefix(end + after.size());
    return value;
  };
  const auto type = take("{'descr': '", "', ");
  const auto order = take("'fortran_order': ", ", ");
  const auto shape = take("'shape': (", ")");
  if (!type || !order || !shape || text.find_first_not_of(", }\n") != text.npos) return std::nullopt;
  return Header{*type, *order, *shape};
}

// "1, 3, 24, 24" as numbers; a Failure unless their product can be held.
std::vector<int64_t> parse_shape(const std::string& path, std::string_view text) {
  std::vector<int64_t> shape;
  int64_t elements = 1;
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at != end;) {
    int64_t size = 0;
    const auto [stop, error] = std::from_chars(at, end, size);
    if (error != std::errc() || size < 1 || size > kMaxElements / elements) {
      throw Failure(path + ": expected sizes from 1 on that fit in memory, found (" +
                    std::string(text) + ")");
    }
    elements *= size;
    shape.push_back(size);
    at = stop;
    while (at != end && (*at == ',' || *at == ' ')) ++at;
  }
  return shape;
}

}  // namespace

Tensor read_npy(const std::string& path) {
  const Bytes content = read_file(path, "a .npy array");
  if (content.size() < kPreamble || std::memcmp(content.data(), kMagic, sizeof kMagic - 2) != 0) {
    throw Failure(path + ": expected a .npy array, found another kind of file");
  }
  if (content[6] != kMagic[6] || content[7] != kMagic[7]) {
    throw Failure(path + ": expected .npy version 1.0, found " + std::to_string(content[6]) + "." +
                  std::to_string(content[7]));
  }
  const size_t start = kPreamble + content[8] + 256u * content[9];
  if (content.size() < start) throw Failure(path + ": expected a whole .npy header, found it cut off");
  const std::string text(content.begin() + kPreamble, content.begin() + start);
  const auto header = parse_header(text);
  if (!header) throw Failure(path + ": expected NumPy's header of an array, found another");
  if (header->type != "<f4") {
    throw Failure(path + ": expected float32 ('<f4'), found '" + std::string(header->type) + "'");
  }
  if (header->fortran_order != "False") throw Failure(path + ": expected C order, found Fortran order");
  Tensor tensor{parse_shape(path, header->shape), {}};
  size_t elements = 1;
  for (const int64_t size : tensor.shape) elements *= static_cast<size_t>(size);
  if (content.size() - start != elements * sizeof(float)) {
    throw Failure(path + ": expected " + std::to_string(elements * sizeof(float)) +
                  " bytes of data for " + shape_text(tensor.shape) + ", found " +
                  std::to_string(content.size() - start));
  }
  tensor.values.resize(elements);
  std::memcpy(tensor.values.data(), content.data() + start, elements * sizeof(float));
  return tensor;
}

Bytes npy_bytes(const Tensor& tensor) {
  std::string shape;
  for (const int64_t size : tensor.shape) shape += (shape.empty() ? "" : ", ") + std::to_string(size);
  if (tensor.shape.size() == 1) shape += ",";
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + shape + "), }";
  const size_t unpadded = kPreamble + header.size() + 1;
  header.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  header += '\n';
  Bytes content(kMagic, kMagic + sizeof kMagic);
  content.push_back(static_cast<uint8_t>(header.size() & 0xff));
  content.push_back(static_cast<uint8_t>(header.size() >> 8));
  content.insert(content.end(), header.begin(), header.end());
  const auto* data = reinterpret_cast<const uint8_t*>(tensor.values.data());
  content.insert(content.end(), data, data + tensor.values.size() * sizeof(float));
  return content;
}

}  // namespace liif
