#include "program.h"

#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor.h>
#include <executorch/runtime/platform/platform.h>
#include <executorch/runtime/platform/runtime.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>

#include "failure.h"
#include "file.h"

// libexecutorch_threadpool exports these; the wheel does not carry their header.
namespace executorch::extension::threadpool {
class ThreadPool {
 public:
  size_t get_thread_count() const;
  bool _unsafe_reset_threadpool(uint32_t new_thread_count);
};
ThreadPool* get_threadpool();
}  // namespace executorch::extension::threadpool

namespace liif {

namespace et = executorch;
using et::aten::ScalarType;
using et::extension::Module;
using et::runtime::Error;

namespace {

bool log_wanted = false;

void log(et_timestamp_t, et_pal_log_level_t level, const char* file, const char*, size_t line,
         const char* message, size_t) {
  if (log_wanted) std::fprintf(stderr, "%c %s:%zu %s\n", static_cast<char>(level), file, line, message);
}

double now_ms() {
  using namespace std::chrono;
  return duration<double, std::milli>(steady_clock::now().time_since_epoch()).count();
}

// FlatBuffers: the file identifier, after the offset of the root table.
bool is_program(const Bytes& content) {
  return content.size() > 8 && content[4] == 'E' && content[5] == 'T';
}

}  // namespace

struct Program::Loaded {
  Module module;
};

void start_runtime(bool verbose) {
  log_wanted = verbose;
  et::runtime::register_pal(et::runtime::PalImpl::create(log, __FILE__));
  et::runtime::runtime_init();
}

Program::Program(const std::string& path, const std::string& method, std::optional<int> threads)
    : path_(path), method_(method) {
  if (!is_program(read_file(path, "an ExecuTorch program"))) {
    throw Failure(path + ": expected an ExecuTorch program (.pte), found another kind of file");
  }
  auto* pool = et::extension::threadpool::get_threadpool();
  if (threads && pool != nullptr && !pool->_unsafe_reset_threadpool(static_cast<uint32_t>(*threads))) {
    throw Failure("expected " + std::to_string(*threads) + " threads, found the runtime refusing them",
                  Exit::kEnvironment);
  }
  threads_ = pool == nullptr ? 1 : pool->get_thread_count();
  const double start = now_ms();
  loaded_ = std::unique_ptr<Loaded>(new Loaded{Module(path)});
  if (const Error error = loaded_->module.load(et::extension::Program::Verification::InternalConsistency);
      error != Error::Ok) {
    throw Failure(path + ": expected a whole ExecuTorch program, found a damaged one (" +
                  to_string(error) + ")");
  }
  const auto names = loaded_->module.method_names();
  if (names.ok() && names->count(method) == 0) {
    std::string known;
    for (const auto& name : *names) known += (known.empty() ? "" : ", ") + name;
    throw Failure(path + ": expected a method " + method + ", found " + known);
  }
  if (const Error error = loaded_->module.load_method(method); error != Error::Ok) {
    throw Failure(path + ": expected method " + method + " to load, found " + to_string(error) +
                  "; -v shows the runtime's log");
  }
  load_ms_ = now_ms() - start;
}

Program::~Program() = default;

void Program::check(const std::vector<Tensor>& inputs) const {
  const auto meta = loaded_->module.method_meta(method_);
  if (!meta.ok() || meta->num_outputs() != 1) {
    throw Failure(path_ + ": expected method " + method_ + " to have one output");
  }
  if (meta->num_inputs() != inputs.size()) {
    throw Failure(path_ + ": expected " + std::to_string(meta->num_inputs()) + " inputs of method " +
                  method_ + ", found " + std::to_string(inputs.size()));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto info = meta->input_tensor_meta(i);
    if (!info.ok() || info->scalar_type() != ScalarType::Float) {
      throw Failure(path_ + ": expected method " + method_ + " to take float32 tensors");
    }
    const auto limits = info->sizes();  // of what varies, the largest
    const auto& shape = inputs[i].shape;
    const bool fits = shape.size() == limits.size() &&
                      std::equal(shape.begin(), shape.end(), limits.begin(),
                                 [](int64_t size, int64_t limit) { return size <= limit; });
    if (!fits) {
      throw Failure(path_ + ": expected input " + std::to_string(i + 1) + " of method " + method_ +
                    " to be " + shape_text(limits) + " at most, found " + shape_text(shape));
    }
  }
}

Execution Program::run(const std::vector<Tensor>& inputs) {
  check(inputs);
  std::vector<et::extension::TensorPtr> tensors;
  std::vector<et::runtime::EValue> values;
  for (const Tensor& input : inputs) {
    // The runtime takes mutable memory, but does not write to inputs.
    tensors.push_back(et::extension::from_blob(
        const_cast<float*>(input.values.data()),
        std::vector<et::aten::SizesType>(input.shape.begin(), input.shape.end())));
    values.emplace_back(tensors.back());
  }
  const double start = now_ms();
  const auto outputs = loaded_->module.execute(method_, values);
  const double ms = now_ms() - start;
  if (!outputs.ok()) {
    std::string shapes;
    for (const Tensor& input : inputs) shapes += (shapes.empty() ? "" : ", ") + shape_text(input.shape);
    throw Failure(path_ + ": expected method " + method_ + " to take " + shapes + ", found " +
                  to_string(outputs.error()) + "; -v shows the runtime's log");
  }
  if (!outputs->at(0).isTensor() || outputs->at(0).toTensor().scalar_type() != ScalarType::Float) {
    throw Failure(path_ + ": expected method " + method_ + " to return a float32 tensor");
  }
  const auto tensor = outputs->at(0).toTensor();
  const auto sizes = tensor.sizes();
  const float* data = tensor.const_data_ptr<float>();
  return {{{sizes.begin(), sizes.end()}, {data, data + tensor.numel()}}, ms};
}

std::optional<double> peak_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kib = 0;
    if (word == "VmHWM:" && status >> kib) return kib * 1024 / 1e6;
  }
  return std::nullopt;
}

}  // namespace liif
