// A file of tokens in the cache folder, for a vocabulary of 300. After 's' come the bytes before
// the digest, which is added; any other first byte is followed by the file as it is.
#include "data/token_cache.h"

#include <algorithm>

#include "base/hash.h"
#include "tests/fuzz/fuzz.h"

using namespace llmops::data;
using llmops::fuzz::require;
using llmops::fuzz::returns;

namespace {

constexpr std::int64_t kVocabSize = 300;

void check(TokenView tokens, const std::vector<std::int64_t>& starts) {
  std::vector<llmops::tokenizer::TokenId> ids(static_cast<std::size_t>(tokens.size));
  tokens.copy(0, ids);
  for (const auto id : ids) require(id >= 0 && id < kVocabSize, "an id is in the vocabulary");
  require(std::is_sorted(starts.begin(), starts.end()), "documents ascend");
  if (starts.empty()) return;
  require(starts.front() == 0 && starts.back() <= tokens.size, "documents begin in their part");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string bytes(llmops::fuzz::text_of(data + 1, size - 1));
  if (data[0] == 's') bytes += llmops::sha256(bytes);
  const std::string path = llmops::fuzz::file_of("tokens.bin", bytes);
  returns([&] {
    const auto cache = TokenCache::open(path, kVocabSize);
    if (!cache) return;
    check(cache->train_tokens(), cache->train_starts());
    check(cache->eval_tokens(), cache->eval_starts());
  });
  return 0;
}
