#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "arch/transformer_config.h"
#include "tensor/kernels/kernels.h"

namespace llmops::tensor {

// The memory of keys and values of all sequences: pages of plan::kPageTokens tokens, with one part
// for each layer. Pages are counted, so that sequences share what they begin with; a page that more
// than one reads is not written to.
class KvPool {
 public:
  enum class Lifetime {
    kSequence,  // from pass to pass
    kPass,      // of whole sequences: all layers use the same memory, one after the other
  };

  KvPool(const arch::TransformerConfig& config, Lifetime lifetime, std::int64_t pages,
         const at::TensorOptions& act);

  std::int64_t size() const { return static_cast<std::int64_t>(references_.size()); }
  std::int64_t free() const { return static_cast<std::int64_t>(free_.size()); }
  // A free page, with one reference. There must be one.
  std::int32_t take();
  void add_reference(std::int32_t page);
  // Gives one reference back; without any the page is free.
  void release(std::int32_t page);
  // Copies all layers of a page.
  void copy(std::int32_t from, std::int32_t to);

  // Of a layer, as attention_cached takes them.
  Tensor& keys(std::size_t layer) { return layers_[layer % layers_.size()].keys; }
  Tensor& values(std::size_t layer) { return layers_[layer % layers_.size()].values; }

 private:
  struct Layer {
    Tensor keys, values;
  };
  std::vector<Layer> layers_;
  std::vector<std::int32_t> references_, free_;
};

// The pages of one sequence. They go back to the pool with it.
class Pages {
 public:
  Pages() = default;
  // Takes pages for `tokens` tokens; there must be enough.
  Pages(KvPool& pool, std::int64_t tokens);
  // The first `tokens` tokens of another sequence, whose full pages are shared and whose last one
  // is copied, with room for `capacity` tokens in all. New pages come from `spare`, which must have
  // enough.
  Pages(const Pages& prefix, std::int64_t tokens, std::int64_t capacity, Pages& spare);
  ~Pages() { clear(); }
  Pages(Pages&& other) noexcept;
  Pages& operator=(Pages&& other) noexcept;
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  void clear();
  std::int64_t capacity() const;  // in tokens
  std::span<const std::int32_t> list() const { return list_; }

 private:
  KvPool* pool_ = nullptr;
  std::vector<std::int32_t> list_;
};

}  // namespace llmops::tensor
