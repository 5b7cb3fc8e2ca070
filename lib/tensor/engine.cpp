#include "engine/engine.h"

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <omp.h>
#include <torch/version.h>

#include <cstdlib>
#include <new>

#include "arch/transformer_config.h"
#include "base/error.h"
#include "base/process.h"
#include "base/resources.h"
#include "checkpoint/checkpoint.h"
#include "tensor/generate/language_model.h"
#include "tensor/kernels/kernels.h"
#include "tensor/train/initial_model.h"
#include "tensor/train/throughput.h"
#include "tensor/train/trainer.h"
#include "weights/weight_files.h"

namespace llmops::tensor {

namespace {

// The edge of the library: what ATen throws becomes an Error of one line.
template <typename Work>
auto translated(const Work& work) {
  try {
    return work();
  } catch (const c10::OutOfMemoryError& error) {
    throw Error(ExitCode::kOutOfMemory, "the device is out of memory")
        .hint("use a smaller train.micro_batch_size or train.gradient_checkpointing=full");
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    if (text.find("can't allocate memory") != std::string::npos) {
      throw Error(ExitCode::kOutOfMemory, "memory cannot be allocated: " + text);
    }
    throw failed("tensor library: {}", text.substr(0, text.find('\n')));
  } catch (const std::bad_alloc&) {
    throw Error(ExitCode::kOutOfMemory, "memory cannot be allocated");
  }
}

class EdgeTrainer final : public engine::Trainer {
 public:
  explicit EdgeTrainer(std::unique_ptr<engine::Trainer> inner) : inner_(std::move(inner)) {}
  engine::TrainResult run(engine::TrainHost& host) override {
    return translated([&] { return inner_->run(host); });
  }

 private:
  std::unique_ptr<engine::Trainer> inner_;
};

class EdgeModel final : public engine::Model {
 public:
  explicit EdgeModel(std::unique_ptr<engine::Model> inner) : inner_(std::move(inner)) {}
  const arch::TransformerConfig& config() const override { return inner_->config(); }
  std::int64_t max_length() const override { return inner_->max_length(); }
  void score(const data::Batch& batch, std::span<float> losses) override {
    translated([&] { inner_->score(batch, losses); });
  }
  engine::RequestId submit(const engine::GenerateRequest& request) override {
    return translated([&] { return inner_->submit(request); });
  }
  engine::RequestId submit(const engine::ScoreRequest& request) override {
    return translated([&] { return inner_->submit(request); });
  }
  void cancel(engine::RequestId request) override { inner_->cancel(request); }
  bool step(const std::function<void(const engine::TokenEvent&)>& on_token,
            const engine::StepOptions& options) override {
    return translated([&] { return inner_->step(on_token, options); });
  }

 private:
  std::unique_ptr<engine::Model> inner_;
};

class TorchEngine final : public engine::Engine {
 public:
  std::unique_ptr<engine::Trainer> make_trainer(engine::TrainJob job) override {
    use_threads(job.plan.threads);
    return translated(
        [&] { return std::make_unique<EdgeTrainer>(tensor::make_trainer(std::move(job))); });
  }

  std::unique_ptr<engine::Model> load_model(const std::string& folder,
                                            const engine::LoadOptions& options) override {
    use_threads(options.threads);
    const checkpoint::ManifestCheck manifest(folder);
    manifest.require("config.json");
    const arch::TransformerConfig config = arch::load_hf_config(folder);
    const auto files = weights::WeightFiles::open_folder(folder, config);
    weights::WeightFiles::Check check;
    if (manifest.has_manifest()) {
      check = [&manifest](const std::string& name, const std::string& sha256) {
        manifest.require(name, sha256);
      };
    }
    return translated([&] {
      const at::Device device(options.device == "cuda" ? at::kCUDA : at::kCPU,
                              static_cast<c10::DeviceIndex>(options.device == "cuda" ? 0 : -1));
      const bool bf16 = options.precision == "bf16";
      Weights weights(config, arch::parameter_layout(config, [](const auto&) { return true; }),
                      files.bf16_parameters(), device, bf16);
      weights.load(files, check);
      return std::make_unique<EdgeModel>(
          make_model(config, weights.tensors(), bf16, options.cache_bytes));
    });
  }

  void write_initial_model(const engine::TrainJob& job, const std::string& folder) override {
    use_threads(job.plan.threads);
    translated([&] { tensor::write_initial_model(job, folder); });
  }

  double matmul_flops(bool bf16) override {
    use_threads(0);
    return translated([&] {
      return measure_matmul_flops(has_cuda() ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU),
                                  bf16);
    });
  }

  std::string description() const override {
    return fmt::format("torch {}, {} threads, {}", TORCH_VERSION, at::get_num_threads(), cpu_isa());
  }

  bool has_cuda() override { return at::hasCUDA() && at::accelerator::deviceCount() > 0; }

 private:
  void use_threads(int threads) {
    const int count = threads > 0 ? threads : available_cores();
    // OpenMP ends the process when it cannot start a thread. Libraries make teams of other sizes,
    // and a thread that has ended counts for a moment together with its successor.
    if (count > team_) require_threads(2 * count + kOtherThreads);
    team_ = count;
    omp_set_num_threads(count);
    at::set_num_threads(count);
    // Starts the team now, while nothing else takes threads.
#pragma omp parallel num_threads(count)
    {}
  }

  static constexpr int kOtherThreads = 4;  // the store's writer, system metrics, reading, git
  int team_ = 1;
};

}  // namespace

}  // namespace llmops::tensor

extern "C" __attribute__((visibility("default"))) llmops::engine::Engine* llmops_engine() {
  static llmops::tensor::TorchEngine engine;
  return &engine;
}
