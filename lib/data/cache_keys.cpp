#include "data/cache_keys.h"

#include <cmath>

#include "base/error.h"
#include "base/hash.h"

namespace llmops::data {

std::vector<Corpus> find_corpora(const recipe::Data& data) {
  std::vector<Corpus> corpora;
  if (data.train.empty()) throw usage_error("data.train: no source of text");
  for (std::size_t i = 0; i < data.train.size(); ++i) {
    corpora.push_back(find_corpus(data.train[i], fmt::format("data.train.{}", i)));
  }
  for (std::size_t i = 0; i < data.eval.size(); ++i) {
    corpora.push_back(find_corpus(data.eval[i], fmt::format("data.eval.{}", i)));
  }
  return corpora;
}

SplitPoint split_point(const recipe::Data& data, const Corpus& corpus, const Scan& scan) {
  SplitPoint split;
  if (data.eval_split <= 0 || !data.eval.empty()) return split;
  const bool one_text = scan.documents == 1;
  const std::int64_t whole = one_text ? scan.characters : scan.documents;
  const auto kept =
      static_cast<std::int64_t>(std::floor(static_cast<double>(whole) * (1.0 - data.eval_split)));
  if (kept < 1 || kept >= whole) {
    throw usage_error("data.eval_split {} of {} {} leaves one part empty", data.eval_split, whole,
                      one_text ? "characters" : "documents")
        .at(corpus.name);
  }
  (one_text ? split.characters.emplace() : split.documents) = kept;
  return split;
}

std::unique_ptr<text::Tokenizer> fixed_tokenizer(const recipe::Tokenizer& settings) {
  using recipe::TokenizerType;
  if (settings.type == TokenizerType::kFile) {
    return text::load_tokenizer(settings.path.value_or(""));
  }
  return settings.type == TokenizerType::kByte ? text::make_byte_tokenizer() : nullptr;
}

std::string learned_tokenizer_name(const recipe::Tokenizer& tokenizer, const recipe::Data& data,
                                   const std::vector<Scan>& scans,
                                   const std::vector<SplitPoint>& splits) {
  std::string key = fmt::format("{} 2\n", enum_name(tokenizer.type));
  if (tokenizer.type == recipe::TokenizerType::kBpe)
    key += fmt::format("{}\n", tokenizer.vocab_size);
  for (std::size_t i = 0; i < data.train.size(); ++i) {
    key += fmt::format("{} {} {}\n", scans[i].digest, splits[i].characters.value_or(-1),
                       splits[i].documents);
  }
  return "tokenizer-" + sha256(key).substr(0, 32) + ".json";
}

std::string token_cache_name(const Scan& scan, const std::string& tokenizer_digest, bool append_eos,
                             const SplitPoint& split) {
  const std::string key = fmt::format("{}\n{}\n{} {} {}\n", scan.digest, tokenizer_digest,
                                      append_eos, split.characters.value_or(-1), split.documents);
  return "tokens-" + sha256(key).substr(0, 32) + ".bin";
}

bool is_unfinished(std::string_view name) {
  const bool ours =
      name.starts_with("scan-") || name.starts_with("tokenizer-") || name.starts_with("tokens-");
  return ours && (name.find(".json.tmp") != name.npos || name.find(".bin.tmp") != name.npos);
}

}  // namespace llmops::data
