#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "arch/parameters.h"
#include "tensor/kernels/kernels.h"
#include "tensor/model/rope.h"
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
  Tensor token_embedding, position_embedding;  // rows are looked up, not multiplied
  std::vector<Layer> layers;
  Norm final_norm;
  Linear head;                      // the tied embedding or the head's own weight
  std::shared_ptr<RopeTable> rope;  // of rotary positions; whoever runs a pass lets it grow
};

// A tensor for each of the layout's parameters, by position; undefined where there is none.
using ParameterTensors = std::vector<Tensor>;

// Views of what trains in a flat buffer [layout.size].
ParameterTensors views(const arch::ParameterLayout& layout, const Tensor& flat);

// The parts of a model. Matrices that `products` has are taken from there.
ModelTensors assemble(const arch::TransformerConfig& config, const arch::ParameterLayout& layout,
                      const ParameterTensors& values, const ParameterTensors& products = {});

// The weights of one model. What trains has float masters in one flat buffer and, for bf16, a
// rounded copy that products read.
class Weights {
 public:
  // Everything trains.
  Weights(const arch::TransformerConfig& config, const at::Device& device, bool bf16);
  // `bf16_in_files`, by position in the layout, is what the frozen part will be loaded from; empty:
  // all float. Frozen matrices and embeddings that are bfloat16 there stay so, but for float
  // products on a GPU. For bf16, the other frozen matrices have a rounded copy, too, which replaces
  // them when nothing trains; embeddings are looked up in float.
  Weights(const arch::TransformerConfig& config, arch::ParameterLayout layout,
          const std::vector<bool>& bf16_in_files, const at::Device& device, bool bf16);

  const arch::TransformerConfig& config() const { return config_; }
  const arch::ParameterLayout& layout() const { return layout_; }
  Tensor& flat() { return flat_; }
  Tensor& compute() { return compute_; }  // undefined without bf16
  const ParameterTensors& values() const { return values_; }
  // The values with what trains from another flat buffer.
  ParameterTensors values_with(const Tensor& flat) const;
  const ModelTensors& tensors() const { return tensors_; }
  bool bf16() const { return bf16_; }
  at::Device device() const { return flat_.device(); }

  // Normal(0, initializer_range), projections into the residual stream narrowed by 1/sqrt(2 L)
  // (GPT-2, section 2.3), norms 1, biases 0. Element i of a weight depends on (seed, weight, i)
  // only.
  void initialize(std::uint64_t seed);
  // From files that were matched with this configuration. Throws Error(kDamaged) for a value that
  // is not finite, Error(kFailed) for files whose types are not those that the constructor was told
  // where that would round what is saved again, and what `check` throws.
  void load(const weights::WeightFiles& files, const weights::WeightFiles::Check& check = {});
  void load(const std::string& folder);  // a Hugging Face folder
  void refresh_compute();                // after any change of the values

 private:
  void place_frozen(const std::vector<bool>& bf16_in_files);

  arch::TransformerConfig config_;
  arch::ParameterLayout layout_;
  bool bf16_;
  Tensor flat_, compute_;
  ParameterTensors values_, products_;
  ModelTensors tensors_;
};

// Fills the tensors that are defined, on any device; see Weights::load.
void load_parameters(const weights::WeightFiles& files, const arch::ParameterLayout& layout,
                     const ParameterTensors& to, const weights::WeightFiles::Check& check = {});

// The tensors of a Hugging Face model.safetensors, in Hugging Face's names and layout and in the
// types that they have here.
std::vector<weights::TensorSource> hf_sources(const arch::TransformerConfig& config,
                                              const arch::ParameterLayout& layout,
                                              const ParameterTensors& values);

}  // namespace llmops::tensor
