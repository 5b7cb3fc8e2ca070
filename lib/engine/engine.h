#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/model.h"
#include "engine/trainer.h"

namespace llmops::engine {

struct LoadOptions {
  std::string device = "cpu";      // cpu | cuda
  std::string precision = "fp32";  // fp32 | bf16
  int threads = 0;                 // 0 = all cores of the affinity mask
  std::int64_t cache_bytes = 0;    // for keys and values; 0 = by the memory that is free
};

// Factory of everything in the tensor library. It throws only llmops::Error.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::unique_ptr<Trainer> make_trainer(TrainJob job) = 0;
  // A checkpoint or Hugging Face folder.
  virtual std::unique_ptr<Model> load_model(const std::string& folder,
                                            const LoadOptions& options) = 0;
  // The weights a run of this job would start from, as a Hugging Face folder (created).
  virtual void write_initial_model(const TrainJob& job, const std::string& folder) = 0;
  // Floating-point operations per second of a matrix product on this device, measured now.
  virtual double matmul_flops(bool bf16) = 0;
  virtual std::string description() const = 0;  // "torch 2.11.0, MKL, 2 threads, avx512"
  // True when a CUDA device answers.
  virtual bool has_cuda() = 0;
};

// Opens libllmops_torch.so (beside libllmops.so) and with it c10 and torch_cpu by absolute path,
// from LLMOPS_TORCH_DIR or the folder recorded at build time, after checking the version; for
// device "cuda" torch_cuda as well, before anything else. Never closed. Throws Error(kFailed) that
// names what is missing and how to get it.
Engine& load_engine(const std::string& device = "cpu");

}  // namespace llmops::engine

// The one function the tensor library exports.
extern "C" llmops::engine::Engine* llmops_engine();
