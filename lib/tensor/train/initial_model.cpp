#include "tensor/train/initial_model.h"

#include "arch/freeze.h"
#include "base/file.h"
#include "tensor/train/state.h"
#include "weights/safetensors.h"
#include "weights/weight_files.h"

namespace llmops::tensor {

namespace {

// Returns which parameters the files to be loaded hold in bfloat16, by position in the layout.
std::vector<bool> bf16_in_files(const engine::TrainJob& job) {
  if (!job.resume_from) return job.recipe.model.base_bf16;
  return weights::WeightFiles::open_folder(*job.resume_from, job.config).bf16_parameters();
}

}  // namespace

Weights make_weights(const engine::TrainJob& job, const at::Device& device) {
  return {job.config, arch::frozen_layout(job.config, job.recipe.train.freeze), bf16_in_files(job),
          device, job.plan.precision == plan::Precision::kBf16Mixed};
}

void first_weights(const engine::TrainJob& job, Weights& weights) {
  if (job.recipe.model.path) {
    weights.load(*job.recipe.model.path);
  } else {
    weights.initialize(static_cast<std::uint64_t>(job.recipe.seed));
  }
}

void write_initial_model(const engine::TrainJob& job, const std::string& folder) {
  Weights weights(job.config, at::Device(at::kCPU), false);
  first_weights(job, weights);
  make_directories(folder);
  // The weights first: their file must be new, and so is the folder of a model.
  weights::write_safetensors(join_path(folder, "model.safetensors"),
                             hf_sources(job.config, weights.layout(), weights.values()),
                             {{"format", "pt"}});
  for (const FolderFile& file : hf_folder_files(job.config, job.dataset->tokenizer())) {
    write_file_durably(join_path(folder, file.name), file.content);
  }
}

}  // namespace llmops::tensor
