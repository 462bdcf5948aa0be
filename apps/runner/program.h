#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tensor.h"

namespace liif {

// Must come before anything else of ExecuTorch: its log goes to standard error, or nowhere.
void start_runtime(bool verbose);

struct Execution {
  Tensor output;
  double ms;  // of the execution alone
};

// One loaded method of a .pte file.
class Program {
 public:
  // `threads`: how many to compute with, none for the runtime's own choice.
  // A Failure for a file that is no program, is damaged, or has no such method.
  Program(const std::string& path, const std::string& method, std::optional<int> threads);
  ~Program();

  // The method's one output. A Failure for inputs that it does not take.
  Execution run(const std::vector<Tensor>& inputs);

  size_t threads() const { return threads_; }
  double load_ms() const { return load_ms_; }

 private:
  struct Loaded;

  void check(const std::vector<Tensor>& inputs) const;

  std::string path_;
  std::string method_;
  std::unique_ptr<Loaded> loaded_;
  size_t threads_ = 1;
  double load_ms_ = 0;
};

// The most memory that this process has held, in MB (10^6 bytes); none where Linux does not say.
std::optional<double> peak_mb();

}  // namespace liif
