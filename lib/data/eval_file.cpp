#include <algorithm>

#include "base/hash.h"
#include "data/dataset.h"
#include "data/prepared.h"
#include "data/token_memory.h"
#include "data/tokenize.h"

namespace llmops::data {

namespace {

class EvalFile : public PreparedDataset {
 public:
  EvalFile(std::shared_ptr<const text::Tokenizer> tokenizer, std::unique_ptr<TokenMemory> memory,
           std::vector<Part> parts, const RowSettings& settings)
      : PreparedDataset(std::move(tokenizer), {}, {}, std::move(parts), settings),
        memory_(std::move(memory)) {}

  std::string digest() const override {
    const std::vector<text::TokenId>& tokens = memory_->tokens();
    return sha256(
        {reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(text::TokenId)});
  }

 private:
  std::unique_ptr<TokenMemory> memory_;
};

}  // namespace

std::unique_ptr<Dataset> open_eval_file(const recipe::Source& source,
                                        const text::Tokenizer& tokenizer,
                                        const EvalLayout& layout) {
  const Corpus corpus = find_corpus(source, "");
  auto memory = std::make_unique<TokenMemory>();
  tokenize(corpus, tokenizer, layout.append_eos, {}, *memory);

  Part part;
  part.tokens = memory->view();
  part.starts = memory->starts();
  const auto documents = static_cast<std::int64_t>(part.starts.size());
  part.count = {corpus.name, documents, memory->bytes(), part.tokens.size, 0, 0};
  RowSettings settings;
  // A model may take rows far longer than this text, with an opening token before each document.
  settings.length =
      std::clamp<std::int64_t>(part.tokens.size + documents, 1, layout.max_seq_length);
  settings.packing = layout.packing;
  if (layout.append_eos) settings.opening = tokenizer.eos();
  // The caller keeps the tokenizer alive.
  std::shared_ptr<const text::Tokenizer> borrowed(&tokenizer, [](const text::Tokenizer*) {});
  return std::make_unique<EvalFile>(std::move(borrowed), std::move(memory),
                                    std::vector<Part>{std::move(part)}, settings);
}

}  // namespace llmops::data
