#include "command/data_show.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace llmops::command {

namespace {

// A run of positions that see each other.
struct Segment {
  std::size_t begin = 0, end = 0;
  std::int64_t with_loss = 0;
};

// What comes after the last target is padding: a segment of its own.
std::vector<Segment> segments_of(const data::Batch& row) {
  std::vector<Segment> segments;
  std::size_t used = row.targets.size();
  while (used > 0 && row.targets[used - 1] == data::kIgnore) --used;
  for (std::size_t t = 0; t < used; ++t) {
    const auto start = static_cast<std::size_t>(row.segment_start[t]);
    if (segments.empty() || segments.back().begin != start) segments.push_back({start, t, 0});
    segments.back().end = t + 1;
    segments.back().with_loss += row.targets[t] != data::kIgnore;
  }
  if (used < row.targets.size()) segments.push_back({used, row.targets.size(), 0});
  return segments;
}

// One line: a line feed is shown as a sign, a token without text by its name.
std::string shown_text(const tokenizer::Tokenizer& tokenizer, std::span<const std::int32_t> ids,
                       bool mark_tokens) {
  std::string shown, bytes;
  const auto flush = [&] {
    std::string_view rest = bytes;
    for (std::size_t end = 0; (end = rest.find('\n')) != std::string_view::npos;) {
      shown += printable(rest.substr(0, end)) + "⏎";
      rest.remove_prefix(end + 1);
    }
    shown += printable(rest);
    bytes.clear();
  };
  for (const std::int32_t id : ids) {
    bytes += tokenizer.bytes(id);
    if (tokenizer.bytes(id).empty()) {
      flush();
      shown += printable(tokenizer.name(id));
    }
    if (mark_tokens) {
      flush();
      shown += "|";
    }
  }
  flush();
  return shown;
}

// Calls visit(index, rows of the split, row) for each row asked for.
template <typename Visit>
void for_each_row(const data::Dataset& dataset, const ShowRows& what, const Visit& visit) {
  if (what.eval && !dataset.has_eval()) {
    throw usage_error("the recipe has no eval set").hint("set data.eval or data.eval_split");
  }
  const auto source = what.eval ? dataset.eval_batches() : dataset.train_batches();
  const std::int64_t rows = source->rows_per_epoch();
  if (what.first >= rows) throw usage_error("--from {}: there are {} rows", what.first, rows);
  data::Batch row;
  for (std::int64_t i = what.first; i < std::min(rows, what.first + what.count); ++i) {
    source->read(i, 1, row);
    visit(i, rows, row);
  }
}

}  // namespace

void print_rows(std::FILE* out, const data::Dataset& dataset, const ShowRows& what) {
  for_each_row(dataset, what, [&](std::int64_t index, std::int64_t rows, const data::Batch& row) {
    fmt::print(out, "row {} of {}: {} tokens, {} with loss\n", index, rows, row.length,
               row.supervised_tokens);
    for (const Segment& segment : segments_of(row)) {
      const auto ids = std::span(row.inputs).subspan(segment.begin, segment.end - segment.begin);
      const std::string text =
          segment.with_loss == 0 ? "(padding)" : shown_text(dataset.tokenizer(), ids, what.tokens);
      fmt::print(out, "  {:>5}..{:<5} {}\n", segment.begin, segment.end, text);
    }
  });
}

Json rows_json(const data::Dataset& dataset, const ShowRows& what) {
  Json rows = Json::array();
  for_each_row(dataset, what, [&](std::int64_t index, std::int64_t, const data::Batch& row) {
    Json inputs = Json::array(), targets = Json::array(), segments = Json::array();
    for (const std::int32_t id : row.inputs) inputs.push(id);
    for (const std::int32_t id : row.targets) targets.push(id);
    for (const Segment& segment : segments_of(row)) {
      const auto ids = std::span(row.inputs).subspan(segment.begin, segment.end - segment.begin);
      segments.push(Json()
                        .set("begin", segment.begin)
                        .set("end", segment.end)
                        .set("with_loss", segment.with_loss)
                        .set("text", segment.with_loss == 0
                                         ? ""
                                         : shown_text(dataset.tokenizer(), ids, what.tokens)));
    }
    rows.push(Json()
                  .set("row", index)
                  .set("with_loss", row.supervised_tokens)
                  .set("inputs", std::move(inputs))
                  .set("targets", std::move(targets))
                  .set("segments", std::move(segments)));
  });
  return rows;
}

}  // namespace llmops::command
