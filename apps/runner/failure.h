#pragma once

#include <stdexcept>
#include <string>

namespace liif {

// The toolkit's exit codes: 0 ok, 2 the user's input is wrong, 3 the environment lacks something.
enum class Exit { kOk = 0, kInput = 2, kEnvironment = 3 };

// Ends the program with one line that says what was expected and what was found.
class Failure : public std::runtime_error {
 public:
  explicit Failure(const std::string& message, Exit exit = Exit::kInput)
      : std::runtime_error(message), exit(exit) {}

  const Exit exit;
};

}  // namespace liif
