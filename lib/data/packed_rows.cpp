#include <algorithm>
#include <map>

#include "base/error.h"
#include "data/batch.h"
#include "data/rows.h"

namespace llmops::data {

namespace {

// A run of targets from one document, at most a row long; the first sees nothing before it but the
// token in front.
struct Segment {
  std::int64_t first = 0;  // target
  std::int64_t length = 0;
  bool opens = false;  // a document with an opening token
};

// Writes a segment at `at` of a row: input i is the token before target i.
void write_segment(TokenView tokens, const Segment& segment, text::TokenId opening, std::int64_t at,
                   const Row& row) {
  const auto begin = static_cast<std::size_t>(at);
  const auto length = static_cast<std::size_t>(segment.length);
  std::vector<text::TokenId> ids(length + 1, opening);
  if (segment.opens) {
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

class PackedSegments : public Rows {
 public:
  PackedSegments(TokenView tokens, text::TokenId opening) : tokens_(tokens), opening_(opening) {}

  std::int64_t count() const override { return static_cast<std::int64_t>(row_begin_.size()) - 1; }
  std::int64_t targets() const override { return targets_; }
  bool segmented() const override { return true; }

  void read(std::int64_t row, std::uint64_t, const Row& out) const override {
    std::int64_t at = 0;
    const auto index = static_cast<std::size_t>(row);
    for (std::size_t i = row_begin_[index]; i < row_begin_[index + 1]; ++i) {
      write_segment(tokens_, segments_[i], opening_, at, out);
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
  // What is left of the row is a segment of its own, without loss.
  static void pad(std::int64_t at, const Row& row) {
    for (std::size_t i = static_cast<std::size_t>(at); i < row.inputs.size(); ++i) {
      row.positions[i] = static_cast<std::int32_t>(i - static_cast<std::size_t>(at));
      row.segment_start[i] = static_cast<std::int32_t>(at);
    }
  }

  TokenView tokens_;
  text::TokenId opening_;
  std::vector<Segment> segments_;  // row by row
  std::vector<std::size_t> row_begin_{0};
  std::int64_t targets_ = 0;
};

// The targets of document i: all its tokens, or all but the first.
Segment document_targets(TokenView tokens, const Packing& packing, std::size_t i) {
  const std::int64_t begin = packing.starts[i];
  const std::int64_t end = i + 1 < packing.starts.size() ? packing.starts[i + 1] : tokens.size;
  if (packing.opening) return {begin, end - begin, true};
  return {begin + 1, std::max<std::int64_t>(end - begin - 1, 0), false};
}

// Segments by length, longest first, into rows: each row takes the longest that still fits.
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

}  // namespace

PackedRows packed_rows(TokenView tokens, const Packing& packing, std::int64_t length,
                       recipe::Overlength overlength) {
  using recipe::Overlength;
  PackedRows result;
  std::vector<Segment> segments;
  for (std::size_t i = 0; i < packing.starts.size(); ++i) {
    Segment rest = document_targets(tokens, packing, i);
    if (rest.length > length && overlength == Overlength::kError) {
      throw usage_error("document {} has {} tokens to predict, more than data.max_seq_length {}",
                        i + 1, rest.length, length)
          .at(packing.name)
          .hint("set data.overlength to split, truncate or drop");
    }
    if (rest.length == 0 || (rest.length > length && overlength == Overlength::kDrop)) {
      ++result.dropped;
      continue;
    }
    if (rest.length > length && overlength == Overlength::kTruncate) {
      ++result.truncated;
      rest.length = length;
    }
    for (; rest.length > 0; rest.opens = false) {
      const std::int64_t part = std::min(rest.length, length);
      segments.push_back({rest.first, part, rest.opens});
      rest.first += part;
      rest.length -= part;
    }
  }
  auto rows = std::make_unique<PackedSegments>(tokens, packing.opening.value_or(0));
  fill_rows(std::move(segments), length, *rows);
  result.rows = std::move(rows);
  return result;
}

}  // namespace llmops::data
