#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/signal.h"
#include "data/cache_keys.h"
#include "data/dataset.h"
#include "data/dataset_builder.h"
#include "data/learn.h"
#include "data/scan.h"
#include "data/tokenize.h"

namespace llmops::data {

namespace {

using Progress = std::function<void(const PrepareProgress&)>;

// Tells the progress of one kind of work over several sources.
class Stage {
 public:
  Stage(const Progress& progress, std::string what, const std::vector<Corpus>& corpora)
      : progress_(progress) {
    now_.what = std::move(what);
    for (const Corpus& corpus : corpora) now_.total += static_cast<double>(corpus.bytes);
  }
  ByteProgress next(const Corpus& corpus) {
    const double before = before_;
    before_ += static_cast<double>(corpus.bytes);
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

class Preparation {
 public:
  Preparation(const recipe::Recipe& recipe, const Progress& progress)
      : recipe_(recipe), data_(recipe.data), progress_(progress) {}

  std::unique_ptr<Dataset> run() {
    corpora_ = find_corpora(data_);
    make_directories(data_.cache_dir);
    lock();
    scan_all();
    tokenizer_ = find_tokenizer();
    DatasetBuilder builder(recipe_, tokenizer_);
    Stage stage(progress_, "tokenizing", corpora_);
    for (std::size_t i = 0; i < corpora_.size(); ++i) {
      builder.add(corpora_[i], open_cache(i, stage.next(corpora_[i])));
    }
    return builder.build();
  }

 private:
  // One process builds, others that need the same wait for it.
  void lock() {
    const std::string path = join_path(data_.cache_dir, "lock");
    while (!(lock_ = FileLock::acquire(path, 200))) {
      throw_if_stop_requested("waiting for another process that prepares data");
    }
    // What a killed process was writing; nobody else writes now.
    for (const std::string& name : list_directory(data_.cache_dir)) {
      if (is_unfinished(name)) remove_all(join_path(data_.cache_dir, name));
    }
  }

  void scan_all() {
    Stage stage(progress_, "reading", corpora_);
    for (const Corpus& corpus : corpora_) {
      scans_.push_back(scan(corpus, data_.cache_dir, stage.next(corpus)));
      const bool trains = scans_.size() <= data_.train.size();
      splits_.push_back(trains ? split_point(data_, corpus, scans_.back()) : SplitPoint{});
    }
  }

  std::shared_ptr<const text::Tokenizer> find_tokenizer() {
    const recipe::Tokenizer& settings = recipe_.tokenizer;
    if (auto fixed = fixed_tokenizer(settings)) return fixed;
    const std::string path =
        join_path(data_.cache_dir, learned_tokenizer_name(settings, data_, scans_, splits_));
    if (auto known = find_learned(path)) return known;
    std::shared_ptr<const text::Tokenizer> learned = learn(settings);
    save_learned(path, *learned);
    return learned;
  }

  std::shared_ptr<const text::Tokenizer> learn(const recipe::Tokenizer& settings) {
    Stage stage(progress_, "training tokenizer", corpora_);
    std::vector<LearnFrom> sources;
    for (std::size_t i = 0; i < data_.train.size(); ++i) {
      sources.push_back({&corpora_[i], splits_[i], stage.next(corpora_[i])});
    }
    if (settings.type == recipe::TokenizerType::kChar) return learn_char(sources);
    return learn_bpe(sources, settings.vocab_size);
  }

  std::unique_ptr<TokenCache> open_cache(std::size_t i, const ByteProgress& progress) {
    const std::string path =
        join_path(data_.cache_dir,
                  token_cache_name(scans_[i], tokenizer_->digest(), data_.append_eos, splits_[i]));
    auto cache = TokenCache::open(path, tokenizer_->vocab_size());
    if (!cache) {
      TokenCacheWriter writer(path, tokenizer_->vocab_size());
      tokenize(corpora_[i], *tokenizer_, data_.append_eos, splits_[i], writer, progress);
      writer.finish();
      cache = TokenCache::open(path, tokenizer_->vocab_size());
    }
    if (!cache) throw Error(ExitCode::kStorage, "does not read back as written").at(path);
    return cache;
  }

  const recipe::Recipe& recipe_;
  const recipe::Data& data_;
  const Progress& progress_;
  std::optional<FileLock> lock_;
  std::vector<Corpus> corpora_;  // training sources, then eval sources
  std::vector<Scan> scans_;
  std::vector<SplitPoint> splits_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
};

}  // namespace

std::optional<std::string> small_vocabulary(const recipe::Tokenizer& settings,
                                            std::int64_t vocab_size) {
  if (settings.type != recipe::TokenizerType::kBpe || vocab_size >= settings.vocab_size) {
    return std::nullopt;
  }
  return fmt::format(
      "the training text is too small for tokenizer.vocab_size {}: the tokenizer has {} tokens; "
      "lower it or add text",
      settings.vocab_size, vocab_size);
}

std::unique_ptr<Dataset> prepare(const recipe::Recipe& recipe,
                                 const std::function<void(const PrepareProgress&)>& progress) {
  return Preparation(recipe, progress).run();
}

}  // namespace llmops::data
