#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace llmops::tokenizer {

using TokenId = std::int32_t;

// Encodes for one thread and remembers the ids of frequent words. Its tokenizer must outlive it.
class Encoder {
 public:
  virtual ~Encoder() = default;
  virtual void encode(std::string_view text, std::vector<TokenId>& out) = 0;
};

// Converts text to ids and back. Immutable after creation; encode and decode are safe from any
// thread.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  virtual std::int64_t vocab_size() const = 0;
  // Appends the ids of `text` to `out`; no special tokens are added or recognised in the text.
  // Throws Error(kUsage) with the byte offset when the text cannot be expressed (char: a character
  // outside the vocabulary).
  virtual void encode(std::string_view text, std::vector<TokenId>& out) const = 0;
  // Returns an encoder for large texts: the same ids as encode(), faster.
  virtual std::unique_ptr<Encoder> make_encoder() const;
  // The bytes of one token; special tokens have none. A token may be a part of a character.
  virtual std::string_view bytes(TokenId id) const = 0;
  virtual std::string_view name(TokenId id) const = 0;  // as in tokenizer.json
  // Ends a document. Rows of packed documents have it before the first token of each, too.
  virtual std::optional<TokenId> eos() const = 0;
  // Hugging Face tokenizer.json: `tokenizers` loads it and gives the same ids.
  virtual Json to_json() const = 0;

  std::string decode(std::span<const TokenId> ids) const;
  std::string digest() const;  // sha256 of to_json().dump()
};

// Make a tokenizer: char has one id per code point of `text`, in code-point order; byte has 256 ids
// and an end token; bpe is byte-level BPE with GPT-2's pre-tokenizer, trained to vocab_size with an
// end token.
std::unique_ptr<Tokenizer> make_char_tokenizer(std::string_view text);
std::unique_ptr<Tokenizer> make_byte_tokenizer();
std::unique_ptr<Tokenizer> train_bpe(std::span<const std::string_view> texts,
                                     std::int64_t vocab_size);

// Reads a tokenizer.json of the three kinds above, written by llmops or by `tokenizers`. Throws
// Error(kDamaged) naming what is not supported.
std::unique_ptr<Tokenizer> read_tokenizer(const Json& json, const std::string& path);
std::unique_ptr<Tokenizer> load_tokenizer(const std::string& path);  // file, or folder with one

// Decodes a stream of tokens into whole characters: keeps the bytes of an unfinished one.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  std::string push(TokenId id);
  std::string finish();  // U+FFFD for an unfinished character

 private:
  const Tokenizer& tokenizer_;
  std::string waiting_;
};

}  // namespace llmops::tokenizer
