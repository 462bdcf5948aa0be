#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace liif {

// Far above any that makes sense, far from what the runtime cannot start or a count cannot hold.
constexpr int kMaxThreads = 1024;
constexpr int kMaxRuns = 1'000'000;
constexpr int kMaxPixels = 1 << 16;

// A command line taken apart: positional arguments, and options with their values.
class Arguments {
 public:
  // `flags` stand alone, `options` take a value and may be repeated; anything else is a Failure.
  Arguments(const std::vector<std::string>& words, const std::set<std::string>& flags,
            const std::set<std::string>& options);

  // The positional arguments. A Failure unless they are as many as `names`, which name them for it.
  std::vector<std::string> positional(const std::vector<std::string>& names) const;
  bool has(const std::string& flag) const { return values_.count(flag) > 0; }
  std::vector<std::string> all(const std::string& option) const;
  std::optional<std::string> text(const std::string& option) const;
  std::string required(const std::string& option) const;
  // A whole number from `least` to `most`.
  std::optional<int> number(const std::string& option, int least, int most) const;

 private:
  std::vector<std::string> positional_;
  std::map<std::string, std::vector<std::string>> values_;
};

}  // namespace liif
