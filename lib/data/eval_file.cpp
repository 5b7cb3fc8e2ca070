#include <algorithm>

#include "base/hash.h"
#include "data/prepared_dataset.h"
#include "data/tokenize.h"

namespace llmops::data {

namespace {

class EvalFile : public PreparedDataset {
 public:
  EvalFile(std::shared_ptr<const tokenizer::Tokenizer> tokenizer,
           std::unique_ptr<TokenMemory> memory, std::vector<TokenizedSource> parts,
           const RowSettings& settings)
      : PreparedDataset(std::move(tokenizer), {}, {}, std::move(parts), settings),
        memory_(std::move(memory)) {}

  std::string digest() const override {
    const std::vector<tokenizer::TokenId>& tokens = memory_->tokens();
    return sha256(
        {reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(tokenizer::TokenId)});
  }

 private:
  std::unique_ptr<TokenMemory> memory_;
};

}  // namespace

std::unique_ptr<Dataset> open_eval_file(const recipe::Source& source,
                                        const tokenizer::Tokenizer& tokenizer,
                                        const RowSettings& settings) {
  const ResolvedSource resolved = resolve_source(source, "");
  auto memory = std::make_unique<TokenMemory>();
  tokenize(resolved, tokenizer, settings.append_eos, {}, *memory);

  std::vector<TokenizedSource> parts(1);
  parts[0].count = {memory->counts(), resolved.name};
  parts[0].tokens = memory->view();
  parts[0].starts = memory->starts();
  // A model may take rows far longer than this text with a bos token before each document.
  RowSettings rows = settings;
  rows.max_seq_length = std::clamp<std::int64_t>(
      memory->counts().tokens + memory->counts().documents, 1, settings.max_seq_length);
  // The caller keeps the tokenizer alive.
  std::shared_ptr<const tokenizer::Tokenizer> borrowed(&tokenizer,
                                                       [](const tokenizer::Tokenizer*) {});
  return std::make_unique<EvalFile>(std::move(borrowed), std::move(memory), std::move(parts), rows);
}

}  // namespace llmops::data
