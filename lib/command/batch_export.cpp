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
  const auto batches = dataset.train_batches(plan.micro_batch, 0, 1);
  const std::int32_t header[] = {1, static_cast<std::int32_t>(steps),
                                 static_cast<std::int32_t>(plan.micro_batch * plan.accumulation),
                                 static_cast<std::int32_t>(plan.length)};
  FileWriter file(path);
  file.write("LLMBATCH");
  file.write(bytes_of(header));
  data::Batch batch;
  std::int64_t index = 0;
  for (std::int64_t step = 0; step < steps; ++step) {
    std::string inputs, targets;
    for (std::int64_t i = 0; i < plan.accumulation; ++i) {
      batches->read(index++, batch);
      inputs += bytes_of(batch.inputs);
      targets += bytes_of(batch.targets);
    }
    file.write(inputs);
    file.write(targets);
  }
  file.close();
}

}  // namespace llmops::command
