#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "arch/parameters.h"
#include "tensor/kernels/kernels.h"
#include "weights/safetensors.h"
#include "weights/weight_files.h"

namespace llmops::tensor {

// A model by its parts; undefined where the configuration has no such tensor. The same structs hold
// weights and, all of them float, their gradients.
struct Norm {
  Tensor weight, bias;
};
struct Linear {
  Matrix weight;
  Tensor bias;
};
struct Layer {
  Norm norm1;
  Linear qkv, out;
  Norm norm2;
  Linear up, down;
};
struct ModelTensors {
  Tensor token_embedding, position_embedding;  // always float: rows are looked up, not multiplied
  std::vector<Layer> layers;
  Norm final_norm;
  Linear head;  // the tied embedding or the head's own weight, in the compute type
};

// Views into `flat` (float [layout.size]); matrices come from `compute` (bfloat16, same layout)
// when it is defined.
ModelTensors bind(const arch::TransformerConfig& config, const arch::ParameterLayout& layout,
                  const Tensor& flat, const Tensor& compute = {});

// The weights of one model: float masters in one flat buffer and, for bf16, a rounded copy that the
// products read.
class Weights {
 public:
  Weights(const arch::TransformerConfig& config, const at::Device& device, bool bf16);

  const arch::TransformerConfig& config() const { return config_; }
  const arch::ParameterLayout& layout() const { return layout_; }
  Tensor& flat() { return flat_; }
  Tensor& compute() { return compute_; }  // undefined without bf16
  const ModelTensors& tensors() const { return tensors_; }
  bool bf16() const { return compute_.defined(); }
  at::Device device() const { return flat_.device(); }

  // Normal(0, initializer_range), projections into the residual stream narrowed by 1/sqrt(2 L)
  // (GPT-2, section 2.3), norms 1, biases 0. Element i of a weight depends on (seed, weight, i)
  // only.
  void initialize(std::uint64_t seed);
  // From files that were matched with this configuration. Throws Error(kDamaged) for a value that
  // is not finite, and what `check` throws.
  void load(const weights::WeightFiles& files, const weights::WeightFiles::Check& check = {});
  void load(const std::string& folder);  // a Hugging Face folder
  void refresh_compute();                // after any change of the masters

 private:
  arch::TransformerConfig config_;
  arch::ParameterLayout layout_;
  Tensor flat_, compute_;
  ModelTensors tensors_;
};

// Fills a flat float buffer on any device; see Weights::load.
void load_flat(const weights::WeightFiles& files, const arch::ParameterLayout& layout, Tensor& flat,
               const weights::WeightFiles::Check& check = {});

// The tensors of a Hugging Face model.safetensors for a flat float buffer on any device, in
// Hugging Face's names and layout. `flat` must live until the sources are used up.
std::vector<weights::TensorSource> hf_sources(const arch::TransformerConfig& config,
                                              const arch::ParameterLayout& layout,
                                              const Tensor& flat);

}  // namespace llmops::tensor
