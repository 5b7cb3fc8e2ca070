#include "data/train_tokenizer.h"

#include <string_view>

#include "base/resources.h"
#include "data/chunker.h"
#include "data/ordered_pool.h"
#include "tokenizer/bpe_trainer.h"
#include "tokenizer/char_tokenizer.h"
#include "tokenizer/unicode.h"

namespace llmops::data {

namespace {

// Passes the training part of a source on to another sink.
class TrainingPart : public DocumentSink {
 public:
  TrainingPart(const SplitPoint& split, DocumentSink& sink) : left_(split), sink_(sink) {}

  void text(std::string_view piece) override {
    if (left_.documents == 0) return;
    if (left_.characters) {
      piece = piece.substr(0, tokenizer::code_point_offset(piece, *left_.characters));
      *left_.characters -= tokenizer::count_code_points(piece);
    }
    sink_.text(piece);
  }
  void end_document() override {
    if (left_.documents == 0) return;
    sink_.end_document();
    if (left_.documents > 0) --left_.documents;
  }

 private:
  SplitPoint left_;
  DocumentSink& sink_;
};

std::unique_ptr<tokenizer::Tokenizer> train_char(const std::vector<TrainingText>& texts) {
  class Collector : public DocumentSink {
   public:
    void text(std::string_view piece) override { alphabet.add(piece); }
    void end_document() override {}
    tokenizer::Alphabet alphabet;
  };
  Collector collector;
  for (const TrainingText& text : texts) {
    TrainingPart part(text.source.split, collector);
    read_documents(text.source.source, part, text.progress);
  }
  return tokenizer::make_char_tokenizer(collector.alphabet);
}

std::unique_ptr<tokenizer::Tokenizer> train_bpe(const std::vector<TrainingText>& texts,
                                                std::int64_t vocab_size) {
  struct Nothing {};
  std::vector<std::unique_ptr<tokenizer::WordCounts>> counts;
  {
    OrderedPool<Chunk, Nothing> pool(
        available_cores(),
        [&] {
          counts.push_back(std::make_unique<tokenizer::WordCounts>());
          return [mine = counts.back().get()](Chunk& chunk) {
            std::size_t begin = 0;
            for (const Chunk::End& end : chunk.ends) {
              mine->add(std::string_view(chunk.text).substr(begin, end.offset - begin));
              begin = end.offset;
            }
            mine->add(std::string_view(chunk.text).substr(begin));
            return Nothing{};
          };
        },
        [](Nothing&) {});
    for (const TrainingText& text : texts) {
      Chunker chunker([&](Chunk chunk) { pool.submit(std::move(chunk)); });
      TrainingPart part(text.source.split, chunker);
      read_documents(text.source.source, part, text.progress);
      chunker.finish();
    }
    pool.finish();
  }
  for (std::size_t i = 1; i < counts.size(); ++i) counts[0]->merge(*counts[i]);
  return tokenizer::train_bpe(*counts[0], vocab_size);
}

}  // namespace

std::unique_ptr<tokenizer::Tokenizer> fixed_tokenizer(const recipe::Tokenizer& settings) {
  if (settings.type == recipe::TokenizerType::kFile)
    return tokenizer::load_tokenizer(settings.path.value_or(""));
  return settings.type == recipe::TokenizerType::kByte ? tokenizer::make_byte_tokenizer() : nullptr;
}

std::unique_ptr<tokenizer::Tokenizer> train_tokenizer(const recipe::Tokenizer& settings,
                                                      const std::vector<TrainingText>& texts) {
  return settings.type == recipe::TokenizerType::kChar ? train_char(texts)
                                                       : train_bpe(texts, settings.vocab_size);
}

}  // namespace llmops::data
