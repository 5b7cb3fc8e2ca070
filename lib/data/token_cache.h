#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "data/text_counts.h"
#include "tokenizer/tokenizer.h"

namespace llmops::data {

// Random access to tokens in memory or in a file.
class TokenStore {
 public:
  virtual ~TokenStore() = default;
  virtual void copy(std::int64_t from, std::span<tokenizer::TokenId> out) const = 0;
};

// A range of the tokens in a store, which must outlive it.
struct TokenView {
  const TokenStore* store = nullptr;
  std::int64_t begin = 0, size = 0;

  void copy(std::int64_t from, std::span<tokenizer::TokenId> out) const {
    store->copy(begin + from, out);
  }
};

// The tokens of a source in a file: all documents one after the other, those of the training part
// first, and the start of each. Format: tokens (16 bits each where the vocabulary fits, else 32),
// document starts (u64 each), footer with counts and a SHA-256 over everything but itself; little
// endian.
class TokenCache : public TokenStore {
 public:
  // Returns nullptr when the file is missing, incomplete, damaged or has an id outside the
  // vocabulary.
  static std::unique_ptr<TokenCache> open(const std::string& path, std::int64_t vocab_size);

  const TextCounts& train() const { return train_; }
  const TextCounts& eval() const { return eval_; }
  TokenView train_tokens() const { return {this, 0, train_.tokens}; }
  TokenView eval_tokens() const { return {this, train_.tokens, eval_.tokens}; }
  // Relative to the first token of the part.
  std::vector<std::int64_t> train_starts() const;
  std::vector<std::int64_t> eval_starts() const;
  const std::string& digest() const { return digest_; }
  // Checks every block that it reads: throws Error(kDamaged) when its bytes are no longer those
  // that open() saw. A cache that was touched, deleted or replaced reads as it was.
  void copy(std::int64_t from, std::span<tokenizer::TokenId> out) const override;

 private:
  explicit TokenCache(const std::string& path) : file_(path) {}
  bool check(std::int64_t vocab_size);
  void read(std::uint64_t offset, std::span<std::byte> out) const;
  std::vector<std::int64_t> starts(std::int64_t from, std::int64_t count,
                                   std::int64_t origin) const;

  RandomAccessFile file_;
  std::string digest_;
  bool wide_ = false;
  TextCounts train_, eval_;
  std::vector<std::uint32_t> block_sums_;  // CRC-32 of each block of the file
};

// Receives the tokens of a source.
class TokenSink {
 public:
  virtual ~TokenSink() = default;
  virtual void append(std::span<const tokenizer::TokenId> ids) = 0;
  virtual void add_bytes(std::int64_t bytes) = 0;  // of text, before tokenizing
  virtual void end_document() = 0;
  virtual void begin_eval() = 0;  // the eval part follows
};

// Writes a cache under a temporary name; finish() publishes it.
class TokenCacheWriter : public TokenSink {
 public:
  TokenCacheWriter(const std::string& path, std::int64_t vocab_size);

  void append(std::span<const tokenizer::TokenId> ids) override;
  void add_bytes(std::int64_t bytes) override;
  void end_document() override;
  void begin_eval() override;
  void finish();

 private:
  void write(std::string_view bytes);

  std::string path_, temporary_;
  bool wide_;
  FileWriter file_;
  Sha256 hash_;
  std::vector<std::uint64_t> starts_{0};
  TextCounts train_, eval_;
  bool in_eval_ = false;
  std::string buffer_;
};

// Keeps a source as tokens in memory.
class TokenMemory : public TokenSink, public TokenStore {
 public:
  void append(std::span<const tokenizer::TokenId> ids) override;
  void add_bytes(std::int64_t bytes) override { counts_.bytes += bytes; }
  void end_document() override;
  void begin_eval() override {}
  void copy(std::int64_t from, std::span<tokenizer::TokenId> out) const override;

  const std::vector<tokenizer::TokenId>& tokens() const { return tokens_; }
  TokenView view() const { return {this, 0, counts_.tokens}; }
  const std::vector<std::int64_t>& starts() const { return starts_; }  // of documents
  const TextCounts& counts() const { return counts_; }

 private:
  std::vector<tokenizer::TokenId> tokens_;
  std::vector<std::int64_t> starts_;
  std::int64_t next_start_ = 0;
  TextCounts counts_;
};

}  // namespace llmops::data
