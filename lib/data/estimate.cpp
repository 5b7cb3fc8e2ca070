#include <algorithm>
#include <cmath>
#include <set>

#include "data/cache_keys.h"
#include "data/dataset.h"
#include "data/documents.h"

namespace llmops::data {

namespace {

// Bytes of English text that a byte-level BPE token covers, by vocabulary: a line through 2.6 at
// 512 tokens and 4.4 at 50,257 (GPT-2's on English) in the logarithm.
double bpe_bytes_per_token(std::int64_t vocab_size) {
  const double size = std::max(300.0, static_cast<double>(vocab_size));
  return 2.6 + 0.393 * std::log(size / 512.0);
}

// Keeps the beginning of a source and ends the reading there.
class Sample final : public DocumentSink {
 public:
  struct Enough {};
  explicit Sample(std::size_t most) : most_(most) {}
  void text(std::string_view piece) override {
    text_ += piece;
    if (text_.size() >= most_) throw Enough{};
  }
  void end_document() override { ++documents_; }
  const std::string& sample() const { return text_; }
  std::int64_t documents() const { return documents_; }

 private:
  std::size_t most_;
  std::string text_;
  std::int64_t documents_ = 0;
};

struct Counts {
  double characters = 0, bytes = 0;
  std::set<std::uint32_t> alphabet;
};

void count(std::string_view text, Counts& counts) {
  std::uint32_t point = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) != 0x80) {
      if (point) counts.alphabet.insert(point);
      counts.characters += 1;
      point = byte;
    } else {
      point = (point << 8) | byte;
    }
  }
  if (point) counts.alphabet.insert(point);
  counts.bytes += static_cast<double>(text.size());
}

}  // namespace

DataEstimate estimate(const recipe::Recipe& recipe) {
  const recipe::Data& data = recipe.data;
  DataEstimate result;
  Counts counts;
  double train_bytes = 0, eval_bytes = 0;
  const std::vector<Corpus> corpora = find_corpora(data);
  for (std::size_t i = 0; i < corpora.size(); ++i) {
    const Corpus& corpus = corpora[i];
    const auto bytes = static_cast<double>(corpus.bytes);
    Sample sample(static_cast<std::size_t>(std::max(bytes / 100, 65536.0)));
    try {
      read_documents(corpus, sample);
    } catch (const Sample::Enough&) {
    }
    count(sample.sample(), counts);
    const bool trains = i < data.train.size();
    train_bytes += trains ? bytes * corpus.source.weight * (1 - data.eval_split) : 0;
    eval_bytes += trains ? bytes * data.eval_split : bytes;
  }
  const recipe::Tokenizer& settings = recipe.tokenizer;
  double bytes_per_token = 1;
  result.vocab_size = 257;
  if (settings.type == "file") {
    const auto tokenizer = text::load_tokenizer(settings.path.value_or(""));
    result.vocab_size = tokenizer->vocab_size();
    bytes_per_token = bpe_bytes_per_token(result.vocab_size);
  } else if (settings.type == "bpe") {
    result.vocab_size = settings.vocab_size;
    bytes_per_token = bpe_bytes_per_token(settings.vocab_size);
  } else if (settings.type == "char") {
    result.vocab_size = std::max<std::int64_t>(1, std::ssize(counts.alphabet));
    bytes_per_token = counts.characters > 0 ? counts.bytes / counts.characters : 1;
  }
  result.train_tokens = static_cast<std::int64_t>(train_bytes / bytes_per_token);
  result.eval_tokens = static_cast<std::int64_t>(eval_bytes / bytes_per_token);
  result.train_windows = std::max<std::int64_t>(1, result.train_tokens / data.max_seq_length);
  return result;
}

}  // namespace llmops::data
