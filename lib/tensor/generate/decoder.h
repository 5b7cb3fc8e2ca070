#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/model.h"
#include "tensor/model/kv_pool.h"
#include "tensor/model/transformer.h"

namespace llmops::tensor {

// The next tokens of one sequence.
struct Piece {
  std::span<const std::int32_t> ids;
  std::int64_t start = 0;                        // tokens of the sequence before them, in the cache
  std::span<const std::int32_t> pages;           // of the sequence, these tokens included
  std::span<const std::int32_t> positions = {};  // of the ids; empty: start, start + 1 …
};

// A token, scored after the text before it.
struct TokenScore {
  float logprob = 0;  // natural
  bool best = false;  // no other token is more likely
};

// Runs passes of tokens of any sequences through a model. The buffers grow to the longest pass. On
// the CPU's kernels a result depends on its sequence alone, to the bit, never on what else is in
// the pass or how a text is cut into passes; products by oneDNN (bf16 with AMX) and on a GPU may
// round differently.
class Decoder {
 public:
  Decoder(const arch::TransformerConfig& config, const ModelTensors& weights, bool bf16);

  // Computes all pieces; row i of the pass is the i-th of their tokens. Logits of up to
  // `logit_rows` of them are wanted at a time.
  void run(std::span<const Piece> pieces, KvPool& pool, std::int64_t logit_rows);
  // Logits after rows of the last pass: float [rows, V], until the next call.
  Tensor logits(std::span<const std::int32_t> rows);
  // -log p of a token after each of these logits.
  std::vector<float> losses(const Tensor& logits, std::span<const std::int32_t> tokens);
  // Scores of tokens, each after a row of the last pass.
  std::vector<TokenScore> score(std::span<const std::int32_t> rows,
                                std::span<const std::int32_t> tokens);
  // Losses of a target after every row of the last pass, 0 for data::kIgnore.
  void losses_of_rows(std::span<const std::int32_t> targets, std::span<float> losses);

  at::TensorOptions act_options() const { return act_; }

 private:
  void make_room(std::int64_t tokens, std::int64_t logit_rows);

  arch::TransformerConfig config_;
  ModelTensors weights_;
  const Kernels& kernels_;
  plan::Precision precision_;
  at::TensorOptions act_;
  std::optional<Activations> buffers_, pass_;  // pass_: the buffers for the tokens of the last pass
};

}  // namespace llmops::tensor
