#pragma once

#include <string>

#include "file.h"
#include "tensor.h"

namespace liif {

// A float32 array of NumPy's file format 1.0, little-endian and in C order; a Failure for any other.
Tensor read_npy(const std::string& path);

// The file's bytes.
Bytes npy_bytes(const Tensor& tensor);

}  // namespace liif
