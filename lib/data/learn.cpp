#include "data/learn.h"

#include <string_view>

#include "base/resources.h"
#include "data/chunker.h"
#include "data/memo.h"
#include "data/ordered_pool.h"
#include "text/bpe_trainer.h"
#include "text/char_tokenizer.h"
#include "text/unicode.h"

namespace llmops::data {

namespace {

// Passes on the training part of a source.
class TrainingPart : public DocumentSink {
 public:
  TrainingPart(const SplitPoint& split, DocumentSink& sink) : left_(split), sink_(sink) {}

  void text(std::string_view piece) override {
    if (left_.documents == 0) return;
    if (left_.characters) {
      piece = piece.substr(0, text::code_point_offset(piece, *left_.characters));
      *left_.characters -= text::count_code_points(piece);
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

}  // namespace

std::unique_ptr<text::Tokenizer> learn_char(const std::vector<LearnFrom>& sources) {
  class Collector : public DocumentSink {
   public:
    void text(std::string_view piece) override { alphabet.add(piece); }
    void end_document() override {}
    text::Alphabet alphabet;
  };
  Collector collector;
  for (const LearnFrom& source : sources) {
    TrainingPart part(source.split, collector);
    read_documents(*source.corpus, part, source.progress);
  }
  return text::make_char_tokenizer(collector.alphabet);
}

std::unique_ptr<text::Tokenizer> learn_bpe(const std::vector<LearnFrom>& sources,
                                           std::int64_t vocab_size) {
  struct Nothing {};
  std::vector<std::unique_ptr<text::WordCounts>> counts;
  {
    OrderedPool<Chunk, Nothing> pool(
        available_cores(),
        [&] {
          counts.push_back(std::make_unique<text::WordCounts>());
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
    for (const LearnFrom& source : sources) {
      Chunker chunker([&](Chunk chunk) { pool.submit(std::move(chunk)); });
      TrainingPart part(source.split, chunker);
      read_documents(*source.corpus, part, source.progress);
      chunker.finish();
    }
    pool.finish();
  }
  for (std::size_t i = 1; i < counts.size(); ++i) counts[0]->merge(*counts[i]);
  return text::train_bpe(*counts[0], vocab_size);
}

std::unique_ptr<text::Tokenizer> find_learned(const std::string& path) {
  const auto memo = read_memo(path);
  return memo ? text::read_tokenizer(*memo, path) : nullptr;
}

void save_learned(const std::string& path, const text::Tokenizer& tokenizer) {
  write_memo(path, tokenizer.to_json());
}

}  // namespace llmops::data
