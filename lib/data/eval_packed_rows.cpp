#include <algorithm>

#include "data/batch.h"
#include "data/rows.h"

namespace llmops::data {

namespace {

// Row r holds the tokens [begin_[r], begin_[r + 1]) as targets, so the target at t of a row is
// token first_target(row) + t. A document's first token without an opening token keeps its place
// but is no target.
class EvalPackedRows : public Rows {
 public:
  EvalPackedRows(TokenView tokens, Packing packing, std::int64_t length)
      : tokens_(tokens), packing_(std::move(packing)) {
    const std::vector<std::int64_t>& starts = packing_.starts;
    begin_.push_back(0);
    for (std::size_t i = 0; i < starts.size(); ++i) {
      const std::int64_t end = i + 1 < starts.size() ? starts[i + 1] : tokens_.size;
      if (end - begin_.back() <= length) continue;
      if (starts[i] > begin_.back()) begin_.push_back(starts[i]);
      while (end - begin_.back() > length) begin_.push_back(begin_.back() + length);
    }
    if (begin_.back() < tokens_.size) begin_.push_back(tokens_.size);
  }

  std::int64_t count() const override { return static_cast<std::int64_t>(begin_.size()) - 1; }
  std::int64_t targets() const override {
    const auto documents = static_cast<std::int64_t>(packing_.starts.size());
    return tokens_.size - (packing_.opening ? 0 : documents);
  }
  bool segmented() const override { return true; }
  std::int64_t first_target(std::int64_t row) const override {
    return begin_[static_cast<std::size_t>(row)];
  }

  void read(std::int64_t row, std::uint64_t, const Row& out) const override {
    const std::int64_t begin = begin_[static_cast<std::size_t>(row)];
    const std::int64_t end = begin_[static_cast<std::size_t>(row) + 1];
    const std::vector<std::int64_t>& starts = packing_.starts;
    auto next = std::lower_bound(starts.begin(), starts.end(), begin);
    std::size_t segment = 0;
    // The tokens from the one before `begin` on, where there is one.
    const std::int64_t origin = std::max<std::int64_t>(begin - 1, 0);
    std::vector<text::TokenId> ids(static_cast<std::size_t>(end - origin));
    tokens_.copy(origin, ids);
    const auto id = [&](std::int64_t token) {
      return ids[static_cast<std::size_t>(token - origin)];
    };
    for (std::int64_t token = begin; token < end; ++token) {
      const auto at = static_cast<std::size_t>(token - begin);
      const bool opens = next != starts.end() && *next == token;
      if (opens) ++next;
      // Without an opening token the segment begins where the first token is an input.
      if (opens) segment = packing_.opening ? at : at + 1;
      out.inputs[at] = !opens             ? id(token - 1)
                       : packing_.opening ? *packing_.opening
                                          : text::TokenId{0};
      if (!opens || packing_.opening) out.targets[at] = id(token);
      const std::size_t start = std::min(segment, at);
      out.segment_start[at] = static_cast<std::int32_t>(start);
      out.positions[at] = static_cast<std::int32_t>(at - start);
    }
    for (auto at = static_cast<std::size_t>(end - begin); at < out.inputs.size(); ++at) {
      out.segment_start[at] = static_cast<std::int32_t>(end - begin);
      out.positions[at] = static_cast<std::int32_t>(at) - static_cast<std::int32_t>(end - begin);
    }
  }

 private:
  TokenView tokens_;
  Packing packing_;
  std::vector<std::int64_t> begin_;
};

}  // namespace

std::unique_ptr<Rows> eval_packed_rows(TokenView tokens, const Packing& packing,
                                       std::int64_t length) {
  return std::make_unique<EvalPackedRows>(tokens, packing, length);
}

}  // namespace llmops::data
