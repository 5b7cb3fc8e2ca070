#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "data/dataset.h"
#include "engine/model.h"

namespace llmops::eval {

// Loss of a model over an eval set: every token once, in non-overlapping windows.
struct LossReport {
  double loss = 0;           // nats per token
  double perplexity = 0;     // exp(loss)
  double bits_per_byte = 0;  // total nats / ln 2 / total UTF-8 bytes: independent of the tokenizer
  // Standard errors of the mean over documents when there are at least two, else over windows
  // (ratio estimator, so that units of unequal size weigh by their tokens or bytes). One unit has
  // none, and neither has a loss that is not finite.
  std::optional<double> loss_stderr, bits_per_byte_stderr;
  const char* stderr_unit = "documents";
  std::int64_t tokens = 0, bytes = 0, documents = 0, windows = 0;
  double seconds = 0;
  bool limited = false;  // max_batches cut it short
  bool stopped = false;  // `progress` asked to stop: the numbers cover only a part
};

// `progress` is called after each batch and returns false to stop. Batches have `batch_size` rows.
LossReport evaluate_loss(
    engine::Model& model, const data::Dataset& dataset, std::int64_t batch_size,
    std::optional<std::int64_t> max_batches,
    const std::function<bool(std::int64_t done, std::int64_t total)>& progress);

}  // namespace llmops::eval
