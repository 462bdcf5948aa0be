#pragma once

#include <string>

#include "file.h"

namespace liif {

// SHA-256 (FIPS 180-4) in lower-case hexadecimal digits.
std::string sha256(const Bytes& content);

}  // namespace liif
