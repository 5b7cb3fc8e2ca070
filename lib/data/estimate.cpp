#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "data/dataset.h"
#include "data/train_tokenizer.h"
#include "tokenizer/unicode.h"

namespace llmops::data {

namespace {

// A tokenizer with a larger vocabulary would overfit the sample.
constexpr std::int64_t kMostLearned = 8192;

// Returns the bytes of English text for each token of a byte-level BPE: linear in the logarithm of
// the vocabulary, through 2.6 at 512 tokens and 4.4 at 50,257 (GPT-2's on English).
double bpe_bytes_per_token(std::int64_t vocab_size) {
  const double size = std::max(300.0, static_cast<double>(vocab_size));
  return 2.6 + 0.393 * std::log(size / 512.0);
}

constexpr std::int64_t kSampleBytes = std::int64_t{4} << 20;   // of text, of each source
constexpr std::size_t kEncodedBytes = std::size_t{256} << 10;  // of those, to measure a tokenizer

// The beginning of a source, counted. Estimates of the whole assume that it goes on in the same
// way.
class Sample final : public DocumentSink {
 public:
  // Adds the characters to `alphabet`.
  Sample(const ResolvedSource& source, std::set<std::uint32_t>& alphabet) : alphabet_(alphabet) {
    struct Enough {};
    auto read = static_cast<double>(source.bytes);
    try {
      read_documents(source, *this, [&](std::int64_t consumed) {
        if (bytes_ < kSampleBytes) return;
        read = static_cast<double>(consumed);
        throw Enough{};
      });
    } catch (const Enough&) {
    }
    if (read > 0) scale_ = std::max(1.0, static_cast<double>(source.bytes) / read);
  }

  bool is_whole() const { return bytes_ == std::ssize(beginning_); }
  double bytes() const { return static_cast<double>(bytes_) * scale_; }
  double characters() const { return static_cast<double>(characters_) * scale_; }
  double documents() const { return static_cast<double>(documents_) * scale_; }
  const std::string& beginning() const { return beginning_; }

  void text(std::string_view piece) override {
    for (const char c : piece) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte & 0xC0) != 0x80) {
        finish_character();
        ++characters_;
      }
      point_ = (point_ << 8) | byte;
    }
    finish_character();
    bytes_ += std::ssize(piece);
    if (beginning_.size() < kEncodedBytes) {
      const std::int64_t room = static_cast<std::int64_t>(kEncodedBytes - beginning_.size());
      beginning_ += piece.substr(0, tokenizer::code_point_offset(piece, room));
    }
  }
  void end_document() override { ++documents_; }

 private:
  void finish_character() {
    if (point_ != 0 && point_ != last_) alphabet_.insert(last_ = point_);
    point_ = 0;
  }

  std::set<std::uint32_t>& alphabet_;
  std::uint32_t point_ = 0, last_ = 0;  // the bytes of a character
  std::int64_t bytes_ = 0, characters_ = 0, documents_ = 0;
  double scale_ = 1;  // of the whole source to what was read
  std::string beginning_;
};

bool are_whole(const std::vector<Sample>& samples) {
  return std::ranges::all_of(samples, &Sample::is_whole);
}

// Returns a tokenizer to measure the samples with: the one that will be used, or one trained on the
// samples when these are all of the text or the vocabulary is small. Returns nullptr where counting
// or a formula is better.
std::unique_ptr<tokenizer::Tokenizer> find_measure(const recipe::Tokenizer& settings,
                                                   const std::vector<Sample>& training) {
  const bool learns = settings.vocab_size <= kMostLearned || are_whole(training);
  if (settings.type != recipe::TokenizerType::kBpe || !learns) {
    return fixed_tokenizer(settings);
  }
  std::vector<std::string_view> texts;
  for (const Sample& sample : training) texts.push_back(sample.beginning());
  return tokenizer::train_bpe(texts, settings.vocab_size);
}

// Returns the tokens of the whole source, without end tokens.
double tokens_of(const Sample& sample, const recipe::Tokenizer& settings,
                 const tokenizer::Tokenizer* measure) {
  if (settings.type == recipe::TokenizerType::kChar) return sample.characters();
  if (measure == nullptr) return sample.bytes() / bpe_bytes_per_token(settings.vocab_size);
  std::vector<tokenizer::TokenId> ids;
  measure->encode(sample.beginning(), ids);
  return sample.bytes() * static_cast<double>(ids.size()) /
         std::max(1.0, static_cast<double>(sample.beginning().size()));
}

std::optional<DataEstimate> exact_size(const recipe::Recipe& recipe) {
  const std::shared_ptr<const Dataset> dataset = prepare_cached(recipe);
  if (!dataset) return std::nullopt;
  const auto train = dataset->train_batches();
  DataEstimate result;
  result.exact = true;
  result.train_tokens = train->tokens_per_epoch();
  result.train_windows = train->rows_per_epoch();
  if (dataset->has_eval()) result.eval_tokens = dataset->eval_batches()->tokens_per_epoch();
  result.vocab_size = dataset->tokenizer().vocab_size();
  result.tokenizer = {dataset, &dataset->tokenizer()};
  return result;
}

}  // namespace

DataEstimate estimate(const recipe::Recipe& recipe) {
  if (const auto exact = exact_size(recipe)) return *exact;
  const recipe::Data& data = recipe.data;
  const recipe::Tokenizer& settings = recipe.tokenizer;
  std::set<std::uint32_t> alphabet, unused;
  std::vector<Sample> training, evaluation;
  for (const ResolvedSource& source : resolve_sources(data)) {
    (source.trains ? training : evaluation).emplace_back(source, source.trains ? alphabet : unused);
  }
  auto measure = find_measure(settings, training);
  const bool ends = data.append_eos && settings.type != recipe::TokenizerType::kChar &&
                    (!measure || measure->eos());
  const auto tokens = [&](const Sample& sample) {
    return tokens_of(sample, settings, measure.get()) + (ends ? sample.documents() : 0);
  };
  double train_tokens = 0, eval_tokens = 0;
  for (std::size_t i = 0; i < training.size(); ++i) {
    train_tokens += tokens(training[i]) * data.train[i].weight * (1 - data.eval_split);
    eval_tokens += tokens(training[i]) * data.eval_split;
  }
  for (const Sample& sample : evaluation) eval_tokens += tokens(sample);

  DataEstimate result;
  const bool guessed = settings.type == recipe::TokenizerType::kBpe && !are_whole(training);
  result.vocab_size = settings.type == recipe::TokenizerType::kChar
                          ? std::max<std::int64_t>(1, std::ssize(alphabet))
                      : guessed ? settings.vocab_size
                                : measure->vocab_size();
  result.train_tokens = std::max<std::int64_t>(1, std::llround(train_tokens));
  result.eval_tokens = std::llround(eval_tokens);
  if (settings.type != recipe::TokenizerType::kBpe) result.tokenizer = std::move(measure);
  result.train_windows = (result.train_tokens + data.max_seq_length - 1) / data.max_seq_length;
  return result;
}

}  // namespace llmops::data
