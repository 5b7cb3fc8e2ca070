#include "data/dataset_builder.h"

#include "base/file.h"
#include "data/cache_keys.h"
#include "data/learn.h"

namespace llmops::data {

void DatasetBuilder::add(const Corpus& corpus, std::unique_ptr<TokenCache> cache) {
  const auto part = [&](const SplitCount& count, TokenView tokens,
                        std::vector<std::int64_t> starts) {
    Part result;
    result.count = {corpus.name, count.documents, count.bytes, count.tokens, 0, 0};
    result.weight = corpus.source.weight;
    result.tokens = tokens;
    result.starts = std::move(starts);
    return result;
  };
  const bool trains = caches_.size() < recipe_.data.train.size();
  std::vector<Part>& parts = trains ? train_ : eval_;
  parts.push_back(part(cache->train(), cache->train_tokens(), cache->train_starts()));
  if (cache->eval().documents > 0) {
    eval_.push_back(part(cache->eval(), cache->eval_tokens(), cache->eval_starts()));
  }
  caches_.push_back(std::move(cache));
}

std::unique_ptr<PreparedDataset> DatasetBuilder::build() {
  const recipe::Data& data = recipe_.data;
  const RowSettings settings{data.max_seq_length, data.packing, data.overlength,
                             data.append_eos ? tokenizer_->eos() : std::nullopt,
                             static_cast<std::uint64_t>(recipe_.seed)};
  return std::make_unique<PreparedDataset>(tokenizer_, std::move(caches_), std::move(train_),
                                           std::move(eval_), settings);
}

std::unique_ptr<PreparedDataset> prepare_cached(const recipe::Recipe& recipe) {
  const recipe::Data& data = recipe.data;
  const std::vector<Corpus> corpora = find_corpora(data);
  std::vector<Scan> scans;
  std::vector<SplitPoint> splits;
  for (const Corpus& corpus : corpora) {
    const auto scan = find_scan(corpus, data.cache_dir);
    if (!scan) return nullptr;
    const bool trains = scans.size() < data.train.size();
    splits.push_back(trains ? split_point(data, corpus, *scan) : SplitPoint{});
    scans.push_back(*scan);
  }
  std::shared_ptr<const text::Tokenizer> tokenizer = fixed_tokenizer(recipe.tokenizer);
  if (!tokenizer) {
    tokenizer = find_learned(
        join_path(data.cache_dir, learned_tokenizer_name(recipe.tokenizer, data, scans, splits)));
  }
  if (!tokenizer) return nullptr;
  DatasetBuilder builder(recipe, tokenizer);
  for (std::size_t i = 0; i < corpora.size(); ++i) {
    const std::string name =
        token_cache_name(scans[i], tokenizer->digest(), data.append_eos, splits[i]);
    auto cache = TokenCache::open(join_path(data.cache_dir, name), tokenizer->vocab_size());
    if (!cache) return nullptr;
    builder.add(corpora[i], std::move(cache));
  }
  return builder.build();
}

}  // namespace llmops::data
