#pragma once

#include <string>

#include "engine/trainer.h"
#include "tensor/model/weights.h"

namespace llmops::tensor {

// Allocates the weights of the job, zero: what train.freeze names keeps the type of the files that
// it will be loaded from, those of the checkpoint when the job resumes one.
Weights make_weights(const engine::TrainJob& job, const at::Device& device);
// The weights that the job starts from: those of model.path, else drawn from the seed.
void first_weights(const engine::TrainJob& job, Weights& weights);
// The same as a Hugging Face folder, which must be new.
void write_initial_model(const engine::TrainJob& job, const std::string& folder);

}  // namespace llmops::tensor
