#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "data/token_cache.h"

namespace llmops::data {

// A source as tokens in memory.
class TokenMemory : public TokenSink, public TokenStore {
 public:
  void append(std::span<const text::TokenId> ids) override {
    tokens_.insert(tokens_.end(), ids.begin(), ids.end());
  }
  void add_bytes(std::int64_t count) override { bytes_ += count; }
  void end_document() override {
    starts_.push_back(open_);
    open_ = static_cast<std::int64_t>(tokens_.size());
  }
  void begin_eval() override {}
  void copy(std::int64_t from, std::span<text::TokenId> out) const override {
    std::copy_n(tokens_.begin() + from, out.size(), out.begin());
  }

  const std::vector<text::TokenId>& tokens() const { return tokens_; }
  TokenView view() const { return {this, 0, static_cast<std::int64_t>(tokens_.size())}; }
  const std::vector<std::int64_t>& starts() const { return starts_; }
  std::int64_t bytes() const { return bytes_; }

 private:
  std::vector<text::TokenId> tokens_;
  std::vector<std::int64_t> starts_;
  std::int64_t bytes_ = 0, open_ = 0;
};

}  // namespace llmops::data
