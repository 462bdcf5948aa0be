#include "arguments.h"

#include <charconv>

#include "failure.h"

namespace liif {

Arguments::Arguments(const std::vector<std::string>& words, const std::set<std::string>& flags,
                     const std::set<std::string>& options) {
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (flags.count(word)) {
      values_[word].push_back("");
    } else if (options.count(word)) {
      if (i + 1 == words.size()) throw Failure(word + ": expected a value after it, found none");
      values_[word].push_back(words[++i]);
    } else if (word.size() > 1 && word[0] == '-') {
      throw Failure("expected a known option, found " + word + "; --help lists them");
    } else {
      positional_.push_back(word);
    }
  }
}

std::vector<std::string> Arguments::positional(const std::vector<std::string>& names) const {
  if (positional_.size() != names.size()) {
    std::string expected;
    for (const auto& name : names) expected += (expected.empty() ? "" : " ") + name;
    throw Failure("expected " + expected + ", found " + std::to_string(positional_.size()) +
                  " arguments; --help shows how");
  }
  return positional_;
}

std::vector<std::string> Arguments::all(const std::string& option) const {
  const auto found = values_.find(option);
  return found == values_.end() ? std::vector<std::string>{} : found->second;
}

std::optional<std::string> Arguments::text(const std::string& option) const {
  const auto values = all(option);
  if (values.size() > 1) throw Failure(option + ": expected once, found several times");
  return values.empty() ? std::nullopt : std::optional(values.front());
}

std::string Arguments::required(const std::string& option) const {
  const auto value = text(option);
  if (!value) throw Failure("expected " + option + ", found none; --help shows how");
  return *value;
}

std::optional<int> Arguments::number(const std::string& option, int least, int most) const {
  const auto value = text(option);
  if (!value) return std::nullopt;
  int number = 0;
  const char* end = value->data() + value->size();
  const auto [stop, error] = std::from_chars(value->data(), end, number);
  if (error != std::errc() || stop != end || number < least || number > most) {
    throw Failure(option + ": expected a whole number from " + std::to_string(least) + " to " +
                  std::to_string(most) + ", found '" + *value + "'");
  }
  return number;
}

}  // namespace liif
