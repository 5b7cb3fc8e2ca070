#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "data/cache_folder.h"
#include "data/dataset.h"
#include "data/prepared_dataset.h"
#include "data/tokenize.h"
#include "data/train_tokenizer.h"

namespace llmops::data {

namespace {

using Progress = std::function<void(const PrepareProgress&)>;

// Reports the progress of one kind of work over several sources.
class Stage {
 public:
  Stage(const Progress& progress, std::string what, const std::vector<ResolvedSource>& sources)
      : progress_(progress) {
    now_.what = std::move(what);
    for (const ResolvedSource& source : sources) now_.total += static_cast<double>(source.bytes);
  }
  ByteProgress next(const ResolvedSource& source) {
    const double before = before_;
    before_ += static_cast<double>(source.bytes);
    return [this, before](std::int64_t bytes) {
      now_.done = std::min(before + static_cast<double>(bytes), now_.total);
      if (progress_) progress_(now_);
    };
  }

 private:
  const Progress& progress_;
  PrepareProgress now_;
  double before_ = 0;
};

TokenizedSource part_of(const ResolvedSource& source, const TextCounts& counts, TokenView tokens,
                        std::vector<std::int64_t> starts) {
  TokenizedSource part;
  part.count = {counts, source.name};
  part.weight = source.settings.weight;
  part.tokens = tokens;
  part.starts = std::move(starts);
  return part;
}

// The steps from sources to a dataset. Each step takes its result from the cache folder, or makes
// and writes it if it may; else it returns false and the preparation ends.
class Preparation {
 public:
  Preparation(const recipe::Recipe& recipe, const Progress& progress, bool may_write)
      : recipe_(recipe), data_(recipe.data), progress_(progress), may_write_(may_write) {}

  std::unique_ptr<Dataset> run() {
    sources_ = resolve_sources(data_);
    std::optional<FileLock> lock;
    if (may_write_) lock = lock_cache_folder(data_.cache_dir);
    if (!scan_sources() || !get_tokenizer() || !get_tokens()) return nullptr;
    return dataset();
  }

 private:
  bool scan_sources() {
    Stage stage(progress_, "reading", sources_);
    for (const ResolvedSource& source : sources_) {
      auto scanned =
          may_write_ ? scan(source, data_, stage.next(source)) : find_scan(source, data_);
      if (!scanned) return false;
      scanned_.push_back(std::move(*scanned));
    }
    return true;
  }

  bool get_tokenizer() {
    const recipe::Tokenizer& settings = recipe_.tokenizer;
    if ((tokenizer_ = fixed_tokenizer(settings))) return true;
    const std::string path = in_cache(tokenizer_name(settings, scanned_));
    if ((tokenizer_ = find_tokenizer(path))) return true;
    if (!may_write_) return false;
    Stage stage(progress_, "training tokenizer", sources_);
    std::vector<TrainingText> texts;
    for (const ScannedSource& scanned : scanned_) {
      if (scanned.source.trains) texts.push_back({scanned, stage.next(scanned.source)});
    }
    tokenizer_ = train_tokenizer(settings, texts);
    save_tokenizer(path, *tokenizer_);
    return true;
  }

  bool get_tokens() {
    Stage stage(progress_, "tokenizing", sources_);
    for (const ScannedSource& scanned : scanned_) {
      const ByteProgress progress = stage.next(scanned.source);
      const std::string path =
          in_cache(token_cache_name(scanned, tokenizer_->digest(), data_.append_eos));
      auto cache = TokenCache::open(path, tokenizer_->vocab_size());
      if (!cache && !may_write_) return false;
      if (!cache) {
        TokenCacheWriter writer(path, tokenizer_->vocab_size());
        tokenize(scanned.source, *tokenizer_, data_.append_eos, scanned.split, writer, progress);
        writer.finish();
        cache = TokenCache::open(path, tokenizer_->vocab_size());
      }
      if (!cache) throw Error(ExitCode::kStorage, "does not read back as written").at(path);
      caches_.push_back(std::move(cache));
    }
    return true;
  }

  std::unique_ptr<Dataset> dataset() {
    std::vector<TokenizedSource> train, eval;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      const ResolvedSource& source = sources_[i];
      const TokenCache& cache = *caches_[i];
      (source.trains ? train : eval)
          .push_back(part_of(source, cache.train(), cache.train_tokens(), cache.train_starts()));
      if (cache.eval().documents > 0) {
        eval.push_back(part_of(source, cache.eval(), cache.eval_tokens(), cache.eval_starts()));
      }
    }
    const RowSettings settings{data_.max_seq_length, data_.packing, data_.overlength,
                               data_.append_eos, static_cast<std::uint64_t>(recipe_.seed)};
    return std::make_unique<PreparedDataset>(tokenizer_, std::move(caches_), std::move(train),
                                             std::move(eval), settings);
  }

  std::string in_cache(const std::string& name) const { return join_path(data_.cache_dir, name); }

  const recipe::Recipe& recipe_;
  const recipe::Data& data_;
  const Progress& progress_;
  bool may_write_;
  std::vector<ResolvedSource> sources_;
  std::vector<ScannedSource> scanned_;  // in the order of sources_
  std::shared_ptr<const tokenizer::Tokenizer> tokenizer_;
  std::vector<std::unique_ptr<TokenCache>> caches_;  // in the order of sources_
};

}  // namespace

std::unique_ptr<Dataset> prepare(const recipe::Recipe& recipe,
                                 const std::function<void(const PrepareProgress&)>& progress) {
  return Preparation(recipe, progress, true).run();
}

std::unique_ptr<Dataset> prepare_cached(const recipe::Recipe& recipe) {
  const Progress none;
  return Preparation(recipe, none, false).run();
}

std::optional<std::string> small_vocabulary(const recipe::Tokenizer& settings,
                                            std::int64_t vocab_size) {
  if (settings.type != recipe::TokenizerType::kBpe || vocab_size >= settings.vocab_size)
    return std::nullopt;
  return fmt::format(
      "the training text is too small for tokenizer.vocab_size {}: the tokenizer has {} tokens; "
      "lower it or add text",
      settings.vocab_size, vocab_size);
}

}  // namespace llmops::data
