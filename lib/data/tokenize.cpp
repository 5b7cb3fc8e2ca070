#include "data/tokenize.h"

#include <vector>

#include "base/error.h"
#include "base/resources.h"
#include "base/text.h"
#include "data/chunker.h"
#include "data/ordered_pool.h"

namespace llmops::data {

namespace {

// A chunk as tokens.
struct Encoded {
  std::vector<tokenizer::TokenId> ids;
  std::vector<std::int64_t> bytes;  // of text before each end, and after the last
  std::vector<std::size_t> ends;    // of documents, in ids
};

Encoded encode_chunk(const Chunk& chunk, tokenizer::Encoder& encoder,
                     std::optional<tokenizer::TokenId> eos) {
  Encoded encoded;
  std::size_t begin = 0;
  for (const Chunk::End& end : chunk.ends) {
    encoder.encode(std::string_view(chunk.text).substr(begin, end.offset - begin), encoded.ids);
    if (eos && end.complete) encoded.ids.push_back(*eos);
    encoded.ends.push_back(encoded.ids.size());
    encoded.bytes.push_back(static_cast<std::int64_t>(end.offset - begin));
    begin = end.offset;
  }
  encoder.encode(std::string_view(chunk.text).substr(begin), encoded.ids);
  encoded.bytes.push_back(static_cast<std::int64_t>(chunk.text.size() - begin));
  return encoded;
}

// Throws Error(kUsage) with the place of the first character that the tokenizer does not know:
// encodes the chunk again, character by character.
[[noreturn]] void refuse(const ResolvedSource& source, const Chunk& chunk,
                         tokenizer::Encoder& encoder, const Error& error) {
  std::int64_t document = chunk.document, line = chunk.line;
  auto end = chunk.ends.begin();
  std::vector<tokenizer::TokenId> ids;
  const std::string_view text = chunk.text;
  for (std::size_t at = 0, length = 0; at < text.size(); at += length) {
    for (; end != chunk.ends.end() && end->offset == at; ++end) {
      if (!end->complete) continue;
      ++document;
      line = 1;
    }
    length = decode_utf8(text, at).length;
    try {
      encoder.encode(text.substr(at, length), ids);
    } catch (const Error&) {
      throw usage_error("document {}, line {}: character U+{:04X} '{}' is not in the vocabulary",
                        document, line, static_cast<std::uint32_t>(decode_utf8(text, at).value),
                        printable(text.substr(at, length)))
          .at(source.name)
          .hint(
              "a tokenizer of type char knows the characters of its training text; take the "
              "character out, or train with type byte or bpe");
    }
    line += text[at] == '\n';
  }
  throw error;
}

void write_encoded(const Encoded& encoded, std::int64_t& train_left, TokenSink& sink) {
  const std::span<const tokenizer::TokenId> ids = encoded.ids;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < encoded.ends.size(); ++i) {
    sink.append(ids.subspan(begin, encoded.ends[i] - begin));
    sink.add_bytes(encoded.bytes[i]);
    sink.end_document();
    begin = encoded.ends[i];
    if (--train_left == 0) sink.begin_eval();
  }
  sink.append(ids.subspan(begin));
  sink.add_bytes(encoded.bytes.back());
}

}  // namespace

void tokenize(const ResolvedSource& source, const tokenizer::Tokenizer& tokenizer, bool append_eos,
              const SplitPoint& split, TokenSink& sink, const ByteProgress& progress) {
  const std::optional<tokenizer::TokenId> eos = append_eos ? tokenizer.eos() : std::nullopt;
  std::int64_t train_left = split.characters ? 1 : split.documents;
  OrderedPool<Chunk, Encoded> pool(
      available_cores(),
      [&] {
        return [&source, eos, encoder = std::shared_ptr(tokenizer.make_encoder())](Chunk& chunk) {
          try {
            return encode_chunk(chunk, *encoder, eos);
          } catch (const Error& error) {
            refuse(source, chunk, *encoder, error);
          }
        };
      },
      [&](Encoded& encoded) { write_encoded(encoded, train_left, sink); });
  Chunker chunker([&](Chunk chunk) { pool.submit(std::move(chunk)); }, split.characters);
  read_documents(source, chunker, progress);
  chunker.finish();
  pool.finish();
}

}  // namespace llmops::data
