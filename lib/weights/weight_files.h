#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arch/parameters.h"
#include "weights/safetensors.h"

namespace llmops::weights {

// The tensors of one model in the safetensors files of its folder, matched by name, shape and type.
// Only headers are read before read(): a model that is not in its files costs no memory.
class WeightFiles {
 public:
  // model.safetensors, else the shards of model.safetensors.index.json. Throws Error(kNotFound)
  // without either; Error(kDamaged) naming the tensor that is missing, has another shape, is in two
  // files or is unknown to the configuration. Only buffers that older transformers saved with the
  // weights (rotary inv_freq, GPT-2's causal masks) may be there unknown.
  static WeightFiles open_folder(const std::string& folder, const arch::TransformerConfig& config);
  static WeightFiles open_file(const std::string& path, const arch::TransformerConfig& config);

  // Returns, by position in arch::parameter_layout, whether all of a parameter is bfloat16.
  std::vector<bool> bf16_parameters() const;

  // Consecutive elements of a tensor, from element `first` in the layout of the file.
  struct Block {
    const arch::HfTensor& tensor;
    DType type;  // F32, F16 or BF16
    std::int64_t first;
    std::span<const std::byte> bytes;
    // The embedding again, as the head of a tied model; must be equal. After all other blocks.
    bool repeated;
    const std::string& path;
  };
  using Take = std::function<void(const Block&)>;
  using Check = std::function<void(const std::string& file_name, const std::string& sha256)>;
  // Reads every tensor once, block by block. With `check`, reads the files whole and passes it the
  // digest of the bytes.
  void read(const Take& take, const Check& check = {}) const;

 private:
  struct Found {
    std::size_t wanted;  // position in wanted_
    bool repeated = false;
  };
  struct File {
    SafetensorsFile content;
    std::vector<std::optional<Found>> found;  // by position of the tensor; nothing: passed over
  };

  WeightFiles(std::vector<SafetensorsFile> files, const arch::TransformerConfig& config);
  void match(const arch::TransformerConfig& config);
  void read_file(const File& file, bool repeated, const Take& take, const Check& check) const;

  std::vector<File> files_;
  std::vector<arch::HfTensor> wanted_;
};

}  // namespace llmops::weights
