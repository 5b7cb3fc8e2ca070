#include "tensor/train/state.h"

#include <ATen/ops/zeros.h>

#include <cmath>

#include "arch/transformer_config.h"
#include "base/error.h"
#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "tensor/train/optimizer_state.h"
#include "weights/safetensors.h"

namespace llmops::tensor {

namespace {

constexpr const char* kModelFile = "model.safetensors";
constexpr const char* kAverageFile = "model.ema.safetensors";
constexpr const char* kOptimizerFile = "state/optimizer.safetensors";

void check_finite(Weights& weights, const Kernels& kernels) {
  Tensor norm = at::zeros({1}, at::TensorOptions(weights.device()).dtype(at::kDouble));
  Tensor none;
  kernels.reduce(weights.flat(), none, norm);
  if (!std::isfinite(norm.item<double>())) {
    throw Error(ExitCode::kDiverged, "the weights are not finite; nothing was saved");
  }
}

}  // namespace

std::vector<FolderFile> hf_folder_files(const arch::TransformerConfig& config,
                                        const tokenizer::Tokenizer& tokenizer) {
  Json generation = Json::object();
  generation.set("_from_model_config", true);
  Json tokenizer_config = Json::object();
  tokenizer_config.set("tokenizer_class", "PreTrainedTokenizerFast");
  tokenizer_config.set("clean_up_tokenization_spaces", false);
  tokenizer_config.set("model_max_length", config.max_positions);
  if (const auto id = tokenizer.eos()) {
    generation.set("eos_token_id", std::int64_t{*id});
    tokenizer_config.set("eos_token", tokenizer.name(*id));
  }
  return {{"config.json", arch::write_hf_config(config).dump(2) + "\n"},
          {"generation_config.json", generation.dump(2) + "\n"},
          {"tokenizer.json", tokenizer.to_json().dump() + "\n"},
          {"tokenizer_config.json", tokenizer_config.dump(2) + "\n"}};
}

std::string save_checkpoint(const engine::TrainJob& job, const checkpoint::TrainState& state,
                            Weights& weights, TrainStep& step) {
  check_finite(weights, step.kernels());
  checkpoint::CheckpointWriter writer(job.output_dir, state.step,
                                      static_cast<std::uint64_t>(job.plan.checkpoint_bytes));
  const auto save = [&writer](const std::string& name,
                              const std::vector<weights::TensorSource>& tensors) {
    const std::map<std::string, std::string> metadata{{"format", "pt"}};
    writer.add(name, weights::write_safetensors(join_path(writer.path(), name), tensors, metadata));
  };
  save(kModelFile, hf_sources(weights.config(), weights.layout(), weights.values()));
  if (step.average().defined()) {
    save(kAverageFile,
         hf_sources(weights.config(), weights.layout(), weights.values_with(step.average())));
  }
  for (const FolderFile& file : hf_folder_files(weights.config(), job.dataset->tokenizer())) {
    writer.write(file.name, file.content);
  }
  make_directories(join_path(writer.path(), "state"));
  writer.add(kOptimizerFile,
             write_optimizer(join_path(writer.path(), kOptimizerFile), weights.layout(), step));
  writer.write(checkpoint::kTrainerFile, state.to_json().dump(2) + "\n");
  return writer.publish({job.run_id, job.identity, job.plan.to_json()});
}

checkpoint::TrainState load_checkpoint(const std::string& folder, Weights& weights,
                                       TrainStep& step) {
  const checkpoint::TrainState state = checkpoint::read_train_state(folder);
  weights.load(folder);
  read_optimizer(join_path(folder, kOptimizerFile), weights.layout(), step);
  if (step.average().defined()) {
    const std::string path = join_path(folder, kAverageFile);
    load_parameters(weights::WeightFiles::open_file(path, weights.config()), weights.layout(),
                    views(weights.layout(), step.average()));
  }
  return state;
}

}  // namespace llmops::tensor
