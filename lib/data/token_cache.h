#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "text/tokenizer.h"

namespace llmops::data {

// Tokens in memory or in a mapped file: 16 bits each where the vocabulary fits, else 32.
struct TokenView {
  const void* data = nullptr;
  bool wide = false;
  std::int64_t size = 0;

  text::TokenId operator[](std::int64_t i) const;
  void copy(std::int64_t from, std::span<text::TokenId> out) const;
  TokenView sub(std::int64_t from, std::int64_t count) const;
};

struct SplitCount {
  std::int64_t documents = 0, tokens = 0, bytes = 0;
};

// A source as tokens: all documents one after the other, and where each begins. The documents of
// the training part come first. One file: tokens, document starts (u64 each), footer with counts
// and a SHA-256 over everything but itself; little endian.
class TokenCache {
 public:
  // Nothing when the file is missing, incomplete, damaged or holds an id outside the vocabulary.
  static std::optional<TokenCache> open(const std::string& path, std::int64_t vocab_size);

  const SplitCount& train() const { return train_; }
  const SplitCount& eval() const { return eval_; }
  TokenView train_tokens() const { return tokens_.sub(0, train_.tokens); }
  TokenView eval_tokens() const { return tokens_.sub(train_.tokens, eval_.tokens); }
  // Relative to the first token of the part.
  std::vector<std::int64_t> train_starts() const;
  std::vector<std::int64_t> eval_starts() const;
  const std::string& digest() const { return digest_; }
  // Throws Error(kFailed) when the file was changed since it was opened: reading on would be wrong
  // or fatal. One that was deleted or replaced by another is held by the mapping as it was.
  void check_unchanged() const;

 private:
  TokenCache() = default;
  std::vector<std::int64_t> starts(std::int64_t from, std::int64_t count,
                                   std::int64_t origin) const;

  std::string path_, digest_;
  struct stat opened_ {};
  MappedFile file_;
  TokenView tokens_;
  SplitCount train_, eval_;
};

// Receives a source as tokens.
class TokenSink {
 public:
  virtual ~TokenSink() = default;
  virtual void append(std::span<const text::TokenId> ids) = 0;
  virtual void add_bytes(std::int64_t bytes) = 0;  // of text that the tokens stand for
  virtual void end_document() = 0;
  virtual void begin_eval() = 0;  // what follows is the eval part
};

// Writes a cache under a temporary name; finish() publishes it.
class TokenCacheWriter : public TokenSink {
 public:
  TokenCacheWriter(const std::string& path, std::int64_t vocab_size);

  void append(std::span<const text::TokenId> ids) override;
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
  SplitCount train_, eval_;
  bool in_eval_ = false;
  std::string buffer_;
};

}  // namespace llmops::data
