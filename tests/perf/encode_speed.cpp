// Prints how fast the tokenizers of lib/tokenizer are on a text file, one thread:
//   encode_speed FILE [VOCAB_SIZE]
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/time.h"
#include "tokenizer/tokenizer.h"

namespace {

using llmops::monotonic_seconds;
using llmops::tokenizer::TokenId;
using llmops::tokenizer::Tokenizer;

// The median of nine passes over about 16 MB in pieces of a megabyte.
void measure(std::string_view name, const Tokenizer& tokenizer, const std::string& text) {
  const auto encoder = tokenizer.make_encoder();
  std::vector<TokenId> ids;
  std::vector<double> rates;
  const std::size_t repeats = std::max<std::size_t>(1, (std::size_t{16} << 20) / text.size());
  for (int pass = 0; pass < 9; ++pass) {
    const double start = monotonic_seconds();
    for (std::size_t i = 0; i < repeats; ++i) {
      ids.clear();
      encoder->encode(text, ids);
    }
    const double bytes = static_cast<double>(text.size() * repeats);
    rates.push_back(bytes / 1e6 / (monotonic_seconds() - start));
  }
  std::sort(rates.begin(), rates.end());
  fmt::print("{:6} {:8.1f} MB/s  {:.3f} bytes per token\n", name, rates[rates.size() / 2],
             static_cast<double>(text.size()) / static_cast<double>(ids.size()));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: encode_speed FILE [VOCAB_SIZE]\n");
    return 2;
  }
  const std::string text = llmops::read_file(argv[1]);
  const long vocab_size = argc > 2 ? std::strtol(argv[2], nullptr, 10) : 4096;
  measure("byte", *llmops::tokenizer::make_byte_tokenizer(), text);
  measure("char", *llmops::tokenizer::make_char_tokenizer(text), text);
  const std::string_view whole = text;
  const double start = monotonic_seconds();
  const auto bpe = llmops::tokenizer::train_bpe(std::span(&whole, 1), vocab_size);
  const double seconds = monotonic_seconds() - start;
  fmt::print("train  {:8.1f} MB/s  {} tokens in {:.2f} s\n",
             static_cast<double>(text.size()) / 1e6 / seconds, bpe->vocab_size(), seconds);
  measure("bpe", *bpe, text);
  // One word of a megabyte: the time must stay near that of ordinary text.
  std::string word;
  for (std::size_t i = 0; word.size() < (std::size_t{1} << 20); ++i) {
    word += static_cast<char>('a' + i * i % 7);
  }
  measure("word", *bpe, word);
}
