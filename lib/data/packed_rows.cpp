#include <algorithm>
#include <map>

#include "base/error.h"
#include "data/batch.h"
#include "data/rows.h"

namespace llmops::data {

namespace {

// Consecutive targets of one document, at most a row of them. The first of them sees the one token
// before it.
struct Segment {
  std::int64_t first = 0;  // target
  std::int64_t length = 0;
  bool has_bos = false;  // begins a document, and a bos token precedes that
};

// Writes a segment at `at` of a row: input i is the token before target i.
void write_segment(TokenView tokens, const Segment& segment, tokenizer::TokenId bos,
                   std::int64_t at, const Row& row) {
  const auto begin = static_cast<std::size_t>(at);
  const auto length = static_cast<std::size_t>(segment.length);
  std::vector<tokenizer::TokenId> ids(length + 1, bos);
  if (segment.has_bos) {
    tokens.copy(segment.first, std::span(ids).subspan(1));
  } else {
    tokens.copy(segment.first - 1, ids);
  }
  std::copy_n(ids.begin(), length, row.inputs.begin() + at);
  std::copy_n(ids.begin() + 1, length, row.targets.begin() + at);
  for (std::size_t i = 0; i < length; ++i) {
    row.positions[begin + i] = static_cast<std::int32_t>(i);
    row.segment_start[begin + i] = static_cast<std::int32_t>(begin);
  }
}

// Makes the rest of a row a segment of its own, without loss.
void pad(std::int64_t at, const Row& row) {
  for (std::size_t i = static_cast<std::size_t>(at); i < row.inputs.size(); ++i) {
    row.positions[i] = static_cast<std::int32_t>(i - static_cast<std::size_t>(at));
    row.segment_start[i] = static_cast<std::int32_t>(at);
  }
}

std::int64_t document_end(const TokenizedSource& source, std::size_t i) {
  return i + 1 < source.starts.size() ? source.starts[i + 1] : source.tokens.size;
}

class PackedSegments : public Rows {
 public:
  PackedSegments(TokenView tokens, tokenizer::TokenId bos) : tokens_(tokens), bos_(bos) {}

  std::int64_t count() const override { return static_cast<std::int64_t>(row_begin_.size()) - 1; }
  std::int64_t targets() const override { return targets_; }
  bool segmented() const override { return true; }

  void read(std::int64_t row, std::uint64_t, const Row& out) const override {
    std::int64_t at = 0;
    const auto index = static_cast<std::size_t>(row);
    for (std::size_t i = row_begin_[index]; i < row_begin_[index + 1]; ++i) {
      write_segment(tokens_, segments_[i], bos_, at, out);
      at += segments_[i].length;
    }
    pad(at, out);
  }

  void add(const Segment& segment) {
    segments_.push_back(segment);
    targets_ += segment.length;
  }
  void end_row() { row_begin_.push_back(segments_.size()); }

 private:
  TokenView tokens_;
  tokenizer::TokenId bos_;
  std::vector<Segment> segments_;  // row by row
  std::vector<std::size_t> row_begin_{0};
  std::int64_t targets_ = 0;
};

// Returns the targets of document i: all its tokens, or all but the first.
Segment document_targets(const TokenizedSource& source, bool has_bos, std::size_t i) {
  const std::int64_t begin = source.starts[i], end = document_end(source, i);
  if (has_bos) return {begin, end - begin, true};
  return {begin + 1, std::max<std::int64_t>(end - begin - 1, 0), false};
}

// Puts segments into rows: each row takes the longest segment that still fits.
void fill_rows(std::vector<Segment> segments, std::int64_t length, PackedSegments& rows) {
  std::map<std::int64_t, std::vector<Segment>> by_length;
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    by_length[segment->length].push_back(*segment);  // taken from the back: in order of the text
  }
  while (!by_length.empty()) {
    for (std::int64_t left = length; left > 0 && !by_length.empty();) {
      auto fits = by_length.upper_bound(left);
      if (fits == by_length.begin()) break;
      --fits;
      rows.add(fits->second.back());
      left -= fits->first;
      fits->second.pop_back();
      if (fits->second.empty()) by_length.erase(fits);
    }
    rows.end_row();
  }
}

// Row r holds the tokens [begin_[r], begin_[r + 1]) as targets, so the target at t of a row is
// token first_target(row) + t. Without bos the first token of a document keeps its position, but is
// not a target.
class EvalPackedRows : public Rows {
 public:
  EvalPackedRows(const TokenizedSource& source, std::optional<tokenizer::TokenId> bos,
                 std::int64_t length)
      : tokens_(source.tokens), starts_(source.starts), bos_(bos) {
    begin_.push_back(0);
    for (std::size_t i = 0; i < starts_.size(); ++i) {
      const std::int64_t end = document_end(source, i);
      if (end - begin_.back() <= length) continue;
      if (starts_[i] > begin_.back()) begin_.push_back(starts_[i]);
      while (end - begin_.back() > length) begin_.push_back(begin_.back() + length);
    }
    if (begin_.back() < tokens_.size) begin_.push_back(tokens_.size);
  }

  std::int64_t count() const override { return static_cast<std::int64_t>(begin_.size()) - 1; }
  std::int64_t targets() const override { return tokens_.size - (bos_ ? 0 : std::ssize(starts_)); }
  bool segmented() const override { return true; }
  std::int64_t first_target(std::int64_t row) const override {
    return begin_[static_cast<std::size_t>(row)];
  }

  void read(std::int64_t row, std::uint64_t, const Row& out) const override {
    const std::int64_t begin = begin_[static_cast<std::size_t>(row)];
    const std::int64_t end = begin_[static_cast<std::size_t>(row) + 1];
    auto next = std::lower_bound(starts_.begin(), starts_.end(), begin);
    std::size_t segment = 0;
    // The tokens from the one before `begin` on, where there is one.
    const std::int64_t origin = std::max<std::int64_t>(begin - 1, 0);
    std::vector<tokenizer::TokenId> ids(static_cast<std::size_t>(end - origin));
    tokens_.copy(origin, ids);
    const auto id = [&](std::int64_t token) {
      return ids[static_cast<std::size_t>(token - origin)];
    };
    for (std::int64_t token = begin; token < end; ++token) {
      const auto at = static_cast<std::size_t>(token - begin);
      const bool opens = next != starts_.end() && *next == token;
      if (opens) ++next;
      // Without bos the segment begins where the first token is an input.
      if (opens) segment = bos_ ? at : at + 1;
      out.inputs[at] = opens ? bos_.value_or(0) : id(token - 1);
      if (!opens || bos_) out.targets[at] = id(token);
      const std::size_t start = std::min(segment, at);
      out.segment_start[at] = static_cast<std::int32_t>(start);
      out.positions[at] = static_cast<std::int32_t>(at - start);
    }
    pad(end - begin, out);
  }

 private:
  TokenView tokens_;
  std::vector<std::int64_t> starts_;
  std::optional<tokenizer::TokenId> bos_;
  std::vector<std::int64_t> begin_;
};

}  // namespace

PackedRows packed_rows(const TokenizedSource& source, std::optional<tokenizer::TokenId> bos,
                       std::int64_t length, recipe::Overlength overlength) {
  PackedRows result;
  std::vector<Segment> segments;
  for (std::size_t i = 0; i < source.starts.size(); ++i) {
    Segment rest = document_targets(source, bos.has_value(), i);
    if (rest.length > length && overlength == recipe::Overlength::kError) {
      throw usage_error("document {} has {} tokens to predict, more than data.max_seq_length {}",
                        i + 1, rest.length, length)
          .at(source.count.name)
          .hint("set data.overlength to split, truncate or drop");
    }
    if (rest.length == 0 || (rest.length > length && overlength == recipe::Overlength::kDrop)) {
      ++result.dropped;
      continue;
    }
    if (rest.length > length && overlength == recipe::Overlength::kTruncate) {
      ++result.truncated;
      rest.length = length;
    }
    for (; rest.length > 0; rest.has_bos = false) {
      const std::int64_t part = std::min(rest.length, length);
      segments.push_back({rest.first, part, rest.has_bos});
      rest.first += part;
      rest.length -= part;
    }
  }
  auto rows = std::make_unique<PackedSegments>(source.tokens, bos.value_or(0));
  fill_rows(std::move(segments), length, *rows);
  result.rows = std::move(rows);
  return result;
}

std::unique_ptr<Rows> eval_packed_rows(const TokenizedSource& source,
                                       std::optional<tokenizer::TokenId> bos, std::int64_t length) {
  return std::make_unique<EvalPackedRows>(source, bos, length);
}

}  // namespace llmops::data
