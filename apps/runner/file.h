#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace liif {

using Bytes = std::vector<uint8_t>;

// The whole file. A Failure, that says it expected `what`, if it cannot be read.
Bytes read_file(const std::string& path, const std::string& what);

// A Failure if `path` is taken and may not be replaced, or its folder is none that can be written to.
void check_output(const std::string& path, bool force);

// Appears whole or not at all, Ctrl-C included, and replaces what is there: check_output comes first.
void write_file(const std::string& path, const Bytes& content);

// Makes `path` a folder if there is nothing.
void make_folder(const std::string& path);

}  // namespace liif
