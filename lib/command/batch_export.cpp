#include "command/batch_export.h"

#include <cstring>

#include "base/file.h"

namespace llmops::command {

namespace {

std::string bytes_of(std::span<const std::int32_t> numbers) {
  std::string bytes(numbers.size_bytes(), '\0');
  std::memcpy(bytes.data(), numbers.data(), numbers.size_bytes());
  return bytes;
}

}  // namespace

void export_batches(const std::string& path, const data::Dataset& dataset, const plan::Plan& plan,
                    std::int64_t steps) {
  const auto batches = dataset.train_batches();
  const std::int32_t header[] = {1, static_cast<std::int32_t>(steps),
                                 static_cast<std::int32_t>(plan.global_batch),
                                 static_cast<std::int32_t>(plan.length)};
  FileWriter file(path);
  file.write("LLMBATCH");
  file.write(bytes_of(header));
  data::Batch batch;
  for (std::int64_t step = 0; step < steps; ++step) {
    batches->read(step * plan.global_batch, plan.global_batch, batch);
    file.write(bytes_of(batch.inputs));
    file.write(bytes_of(batch.targets));
  }
  file.close();
}

}  // namespace llmops::command
