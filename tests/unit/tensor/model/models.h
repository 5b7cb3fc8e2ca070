#pragma once

#include <string>
#include <vector>

#include "arch/transformer_config.h"
#include "data/batch.h"
#include "tensor/model/weights.h"

namespace llmops::tensor {

struct NamedConfig {
  std::string name;
  arch::TransformerConfig config;
};
// Both shapes with every option: grouped and single key heads, a window, tied and not, biases on
// and off, head sizes and vocabularies that fill no vector.
std::vector<NamedConfig> every_shape();

// Weights far from a start's: norms off 1, biases off 0, products of order one.
void randomize(Weights& weights, std::uint64_t seed);

// Random rows where about one target in four has no loss; `documents` > 1 packs that many of
// uneven length into each row.
data::Batch random_batch(const arch::TransformerConfig& config, std::int64_t rows,
                         std::int64_t length, std::uint64_t seed, std::int64_t documents = 1);

}  // namespace llmops::tensor
