#include "tokenizer/bpe_merges.h"

#include <algorithm>
#include <array>
#include <bit>
#include <queue>

namespace llmops::tokenizer {

namespace {

// Longer words pay for a heap; the limit keeps the scan within two cache lines.
constexpr std::size_t kShortWord = 32;

std::uint64_t pair_key(TokenId left, TokenId right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
         static_cast<std::uint32_t>(right);
}

std::uint64_t mix(std::uint64_t key) {
  return key * 0x9E3779B97F4A7C15ULL;
}

}  // namespace

BpeMerges::BpeMerges(const std::vector<TokenId>& byte_ids, const std::vector<Rule>& rules)
    : byte_ids_(byte_ids), slots_(std::bit_ceil(2 * rules.size() + 2)) {
  shift_ = 64 - std::countr_zero(slots_.size());
  for (std::size_t rank = 0; rank < rules.size(); ++rank) {
    const std::uint64_t key = pair_key(rules[rank].left, rules[rank].right);
    std::size_t at = mix(key) >> shift_;
    while (slots_[at].rank != kNone) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {key, static_cast<std::uint32_t>(rank), rules[rank].result};
  }
}

const BpeMerges::Slot* BpeMerges::find(TokenId left, TokenId right) const {
  const std::uint64_t key = pair_key(left, right);
  for (std::size_t at = mix(key) >> shift_;; at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].key == key) return &slots_[at];
    if (slots_[at].rank == kNone) return nullptr;
  }
}

void BpeMerges::apply(std::string_view word, std::vector<TokenId>& out) const {
  if (word.size() <= kShortWord) {
    apply_short(word, out);
  } else {
    apply_long(word, out);
  }
}

void BpeMerges::apply_short(std::string_view word, std::vector<TokenId>& out) const {
  std::array<TokenId, kShortWord> ids;
  std::array<std::uint32_t, kShortWord> ranks;  // of the pair that begins here
  std::array<TokenId, kShortWord> results;
  std::size_t size = word.size();
  const auto look = [&](std::size_t i) {
    const Slot* slot = i + 1 < size ? find(ids[i], ids[i + 1]) : nullptr;
    ranks[i] = slot == nullptr ? kNone : slot->rank;
    results[i] = slot == nullptr ? 0 : slot->result;
  };
  for (std::size_t i = 0; i < size; ++i) ids[i] = byte_ids_[static_cast<unsigned char>(word[i])];
  for (std::size_t i = 0; i < size; ++i) look(i);
  while (size > 1) {
    const auto best = static_cast<std::size_t>(
        std::min_element(ranks.begin(), ranks.begin() + static_cast<std::ptrdiff_t>(size)) -
        ranks.begin());
    if (ranks[best] == kNone) break;
    ids[best] = results[best];
    --size;
    for (std::size_t i = best + 1; i < size; ++i) {
      ids[i] = ids[i + 1];
      ranks[i] = ranks[i + 1];
      results[i] = results[i + 1];
    }
    if (best > 0) look(best - 1);
    look(best);
  }
  out.insert(out.end(), ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(size));
}

void BpeMerges::apply_long(std::string_view word, std::vector<TokenId>& out) const {
  // A linked list in an array. A symbol that was merged into the one before it has id -1.
  struct Symbol {
    TokenId id;
    std::uint32_t previous, next;
  };
  struct Candidate {
    std::uint32_t rank, at;
    TokenId result;
    bool operator<(const Candidate& other) const {  // the queue returns the largest
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };
  const auto size = static_cast<std::uint32_t>(word.size());
  std::vector<Symbol> symbols(size);
  for (std::uint32_t i = 0; i < size; ++i) {
    symbols[i] = {byte_ids_[static_cast<unsigned char>(word[i])], i == 0 ? kNone : i - 1,
                  i + 1 == size ? kNone : i + 1};
  }
  std::vector<Candidate> first;
  for (std::uint32_t i = 0; i + 1 < size; ++i) {
    if (const Slot* slot = find(symbols[i].id, symbols[i + 1].id)) {
      first.push_back({slot->rank, i, slot->result});
    }
  }
  std::priority_queue<Candidate> queue(std::less<Candidate>{}, std::move(first));
  const auto offer = [&](std::uint32_t at) {
    if (at == kNone || symbols[at].next == kNone) return;
    if (const Slot* slot = find(symbols[at].id, symbols[symbols[at].next].id)) {
      queue.push({slot->rank, at, slot->result});
    }
  };
  while (!queue.empty()) {
    const Candidate candidate = queue.top();
    queue.pop();
    Symbol& symbol = symbols[candidate.at];
    if (symbol.id < 0 || symbol.next == kNone) continue;
    // The symbols of the candidate may have been merged since it was found.
    const Slot* now = find(symbol.id, symbols[symbol.next].id);
    if (now == nullptr || now->rank != candidate.rank) continue;
    symbols[symbol.next].id = -1;
    symbol.id = candidate.result;
    symbol.next = symbols[symbol.next].next;
    if (symbol.next != kNone) symbols[symbol.next].previous = candidate.at;
    offer(symbol.previous);
    offer(candidate.at);
  }
  for (std::uint32_t i = 0; i != kNone; i = symbols[i].next) out.push_back(symbols[i].id);
}

}  // namespace llmops::tokenizer
