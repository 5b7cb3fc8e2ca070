#include "tensor/train/initial_model.h"

#include "base/file.h"
#include "tensor/train/state.h"
#include "weights/safetensors.h"

namespace llmops::tensor {

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
