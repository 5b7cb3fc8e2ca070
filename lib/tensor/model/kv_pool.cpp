#include "tensor/model/kv_pool.h"

#include <ATen/ops/empty.h>

#include <utility>

#include "base/error.h"
#include "plan/buffers.h"
#include "tensor/kernels/cpu/raw.h"

namespace llmops::tensor {

static_assert(plan::kPageTokens == cpu::kPageTokens);

KvPool::KvPool(const arch::TransformerConfig& config, Lifetime lifetime, std::int64_t pages,
               const at::TensorOptions& act) {
  const std::int64_t heads = config.kv_heads, dim = config.head_dim;
  const std::int64_t padded = plan::padded_head_dim(config);
  for (std::int64_t i = 0; i < (lifetime == Lifetime::kPass ? 1 : config.layers); ++i) {
    layers_.push_back({at::empty({pages, heads, dim, plan::kPageTokens}, act),
                       at::empty({pages, heads, plan::kPageTokens, padded}, act)});
  }
  references_.resize(static_cast<std::size_t>(pages));
  for (std::int64_t page = pages; page-- > 0;) free_.push_back(static_cast<std::int32_t>(page));
}

std::int32_t KvPool::take() {
  LLMOPS_CHECK(!free_.empty());
  const std::int32_t page = free_.back();
  free_.pop_back();
  references_[static_cast<std::size_t>(page)] = 1;
  return page;
}

void KvPool::add_reference(std::int32_t page) {
  ++references_.at(static_cast<std::size_t>(page));
}

void KvPool::release(std::int32_t page) {
  // The last to be freed is the first to be taken: its memory is in use already, and perhaps in a
  // cache.
  if (--references_.at(static_cast<std::size_t>(page)) == 0) free_.push_back(page);
}

void KvPool::copy(std::int32_t from, std::int32_t to) {
  for (Layer& layer : layers_) {
    layer.keys.select(0, to).copy_(layer.keys.select(0, from));
    layer.values.select(0, to).copy_(layer.values.select(0, from));
  }
}

Pages::Pages(KvPool& pool, std::int64_t tokens) : pool_(&pool) {
  const std::int64_t count = plan::pages_for(tokens);
  LLMOPS_CHECK(count <= pool.free());
  list_.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) list_.push_back(pool.take());
}

Pages::Pages(const Pages& prefix, std::int64_t tokens, std::int64_t capacity, Pages& spare)
    : pool_(prefix.pool_) {
  const std::int64_t count = plan::pages_for(capacity), shared = tokens / plan::kPageTokens;
  LLMOPS_CHECK(tokens <= capacity && tokens <= prefix.capacity());
  LLMOPS_CHECK(count - shared <= std::ssize(spare.list_));
  list_.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    if (i < shared) {
      list_.push_back(prefix.list_[static_cast<std::size_t>(i)]);
      pool_->add_reference(list_.back());
    } else {
      list_.push_back(spare.list_.back());
      spare.list_.pop_back();
    }
  }
  if (tokens % plan::kPageTokens != 0) {
    const auto last = static_cast<std::size_t>(shared);
    pool_->copy(prefix.list_[last], list_[last]);
  }
}

Pages::Pages(Pages&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), list_(std::exchange(other.list_, {})) {}

Pages& Pages::operator=(Pages&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(list_, other.list_);
  return *this;
}

void Pages::clear() {
  for (const std::int32_t page : list_) pool_->release(page);
  list_.clear();
}

std::int64_t Pages::capacity() const {
  return static_cast<std::int64_t>(list_.size()) * plan::kPageTokens;
}

}  // namespace llmops::tensor
