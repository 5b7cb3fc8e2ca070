#include "base/error.h"
#include "base/hash.h"
#include "data/dataset.h"
#include "data/prepared.h"
#include "data/tokenize.h"

namespace llmops::data {

namespace {

// A source as tokens in memory.
class TokenMemory : public TokenSink {
 public:
  void append(std::span<const text::TokenId> ids) override {
    tokens.insert(tokens.end(), ids.begin(), ids.end());
  }
  void add_bytes(std::int64_t count) override { bytes += count; }
  void end_document() override {
    starts.push_back(open_);
    open_ = static_cast<std::int64_t>(tokens.size());
  }
  void begin_eval() override {}

  std::vector<text::TokenId> tokens;
  std::vector<std::int64_t> starts;
  std::int64_t bytes = 0;

 private:
  std::int64_t open_ = 0;
};

class EvalFile : public PreparedDataset {
 public:
  EvalFile(std::shared_ptr<const text::Tokenizer> tokenizer, std::unique_ptr<TokenMemory> memory,
           std::vector<Part> parts, const RowSettings& settings)
      : PreparedDataset(std::move(tokenizer), {}, {}, std::move(parts), settings),
        memory_(std::move(memory)) {}

  std::string digest() const override {
    const auto& tokens = memory_->tokens;
    return sha256(
        {reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(tokens[0])});
  }

 private:
  std::unique_ptr<TokenMemory> memory_;
};

}  // namespace

std::unique_ptr<Dataset> open_eval_file(const std::string& path, const text::Tokenizer& tokenizer,
                                        std::int64_t max_seq_length) {
  recipe::Source source;
  source.path = path;
  const Corpus corpus = find_corpus(source, "data");
  auto memory = std::make_unique<TokenMemory>();
  tokenize(corpus, tokenizer, true, {}, *memory);

  Part part;
  const auto tokens = static_cast<std::int64_t>(memory->tokens.size());
  part.count = {path, static_cast<std::int64_t>(memory->starts.size()), memory->bytes, tokens, 0,
                0};
  part.tokens = {memory->tokens.data(), true, tokens};
  part.starts = memory->starts;
  RowSettings settings;
  settings.length = max_seq_length;
  // The caller keeps the tokenizer alive.
  std::shared_ptr<const text::Tokenizer> borrowed(&tokenizer, [](const text::Tokenizer*) {});
  return std::make_unique<EvalFile>(std::move(borrowed), std::move(memory),
                                    std::vector<Part>{std::move(part)}, settings);
}

}  // namespace llmops::data
