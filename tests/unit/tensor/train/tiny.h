#pragma once

#include <cstdint>

#include "arch/transformer_config.h"
#include "base/random.h"
#include "data/batch.h"
#include "plan/plan.h"
#include "recipe/sections.h"
#include "tests/unit/tensor/batches.h"

namespace llmops::tensor {

inline arch::TransformerConfig tiny_gpt2() {
  arch::TransformerConfig c;
  c.family = "gpt2";
  c.vocab_size = 29;
  c.hidden_size = 32;
  c.layers = 2;
  c.heads = c.kv_heads = 4;
  c.head_dim = 8;
  c.intermediate_size = 128;
  c.max_positions = 16;
  c.attention_bias = c.mlp_bias = c.norm_bias = c.tied = true;
  return c;
}

inline arch::TransformerConfig tiny_llama() {
  arch::TransformerConfig c;
  c.family = "llama";
  c.vocab_size = 29;
  c.hidden_size = 32;
  c.layers = 2;
  c.heads = 4;
  c.kv_heads = 2;
  c.head_dim = 8;
  c.intermediate_size = 48;
  c.max_positions = 16;
  c.norm = arch::Norm::kRmsNorm;
  c.positions = arch::Positions::kRope;
  c.activation = arch::Activation::kSilu;
  c.gated = true;
  return c;
}

// Steps of `passes` times `rows` sequences.
inline plan::Plan tiny_plan(std::int64_t rows, std::int64_t length, int shards = 1,
                            std::int64_t passes = 1) {
  plan::Plan plan;
  plan.global_batch = rows * passes;
  plan.length = length;
  plan.shards = shards;
  plan.shard_rows = (rows + shards - 1) / shards;
  plan.accumulation = passes;
  plan.threads = 2;
  plan.threading = shards > 1 ? plan::Threading::kRows : plan::Threading::kOps;
  plan.loss_chunk_rows = 24;
  return plan;
}

// Random rows; every third target or so has no loss, more of them in later rows.
inline data::Batch tiny_batch(std::int64_t rows, std::int64_t length, std::uint64_t seed) {
  Random random(seed, RandomStream::kSynthetic);
  data::Batch batch;
  batch.rows = rows;
  batch.length = length;
  for (std::int64_t b = 0; b < rows; ++b) {
    for (std::int64_t t = 0; t < length; ++t) {
      batch.inputs.push_back(static_cast<std::int32_t>(random.below(29)));
      const bool masked =
          random.below(static_cast<std::uint64_t>(rows + 1)) < static_cast<std::uint64_t>(b) / 2;
      batch.targets.push_back(masked ? data::kIgnore : static_cast<std::int32_t>(random.below(29)));
      batch.positions.push_back(static_cast<std::int32_t>(t));
      batch.segment_start.push_back(0);
      batch.supervised_tokens += !masked;
    }
  }
  return batch;
}

// Text of a noisy rule, so that there is something to learn and something to be unsure of: the next
// token is (3 x + 1) mod 29 seven times in ten, else any.
inline data::Batch chain_batch(std::int64_t rows, std::int64_t length, std::uint64_t seed) {
  data::Batch batch = tiny_batch(rows, length, seed);
  Random random(seed, RandomStream::kSynthetic, 1);
  for (std::size_t i = 0; i < batch.inputs.size(); ++i) {
    if (i % static_cast<std::size_t>(length) > 0) batch.inputs[i] = batch.targets[i - 1];
    batch.targets[i] = random.uniform() < 0.7 ? (3 * batch.inputs[i] + 1) % 29
                                              : static_cast<std::int32_t>(random.below(29));
  }
  batch.supervised_tokens = rows * length;
  return batch;
}

}  // namespace llmops::tensor
