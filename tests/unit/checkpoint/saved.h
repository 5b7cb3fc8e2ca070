#pragma once

#include <string>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "weights/safetensors.h"

namespace llmops::checkpoint {

// A small checkpoint whose content follows from its step.
inline std::string model_text(std::int64_t step) {
  return "weights of step " + std::to_string(step) + std::string(5000, 'w');
}

inline std::string save(const std::string& output_dir, std::int64_t step,
                        const SavedRun& run = {}) {
  CheckpointWriter writer(output_dir, step, 1000);
  writer.write("model.safetensors", model_text(step));
  writer.write("state/optimizer.safetensors", std::string(3000, 'o'));
  writer.write("config.json", "{}\n");
  return writer.publish(run);
}

}  // namespace llmops::checkpoint
