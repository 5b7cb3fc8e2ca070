#include "data/rows.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "base/random.h"
#include "data/batch.h"
#include "tests/catch.h"
#include "tests/errors.h"

namespace llmops::data {

namespace {

constexpr std::int32_t kBos = 100'000;

// Documents of the tokens 1, 2, 3, …: a token shows its position.
struct Text {
  TokenMemory memory;
  std::vector<std::size_t> document;  // of each token

  explicit Text(const std::vector<int>& lengths) {
    std::int32_t next = 1;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      std::vector<std::int32_t> ids(static_cast<std::size_t>(lengths[i]));
      std::iota(ids.begin(), ids.end(), next);
      next += lengths[i];
      memory.append(ids);
      memory.end_document();
      document.insert(document.end(), ids.size(), i);
    }
  }
  TokenizedSource source() const {
    return {{memory.counts(), "a.txt"}, 1.0, memory.view(), memory.starts()};
  }
  std::size_t document_of(std::int32_t token) const {
    return document.at(static_cast<std::size_t>(token) - 1);
  }
};

std::optional<tokenizer::TokenId> bos(bool has_bos) {
  return has_bos ? std::optional(kBos) : std::nullopt;
}

struct RowData {
  std::vector<std::int32_t> inputs, targets, positions, segment_start;

  RowData(const Rows& rows, std::int64_t row, std::int64_t length, std::uint64_t pass = 0)
      : inputs(static_cast<std::size_t>(length)),
        targets(inputs.size(), kIgnore),
        positions(inputs.size()),
        segment_start(inputs.size()) {
    std::iota(positions.begin(), positions.end(), 0);
    rows.read(row, pass, {inputs, targets, positions, segment_start});
  }
};

// What a model sees at each target is the document of the target, from the segment's start on.
void check_segments(const Text& text, const RowData& row) {
  for (std::size_t t = 0; t < row.inputs.size(); ++t) {
    const auto start = static_cast<std::size_t>(row.segment_start[t]);
    REQUIRE(start <= t);
    CHECK(row.positions[t] == static_cast<std::int32_t>(t - start));
    if (row.targets[t] == kIgnore) continue;
    const std::size_t document = text.document_of(row.targets[t]);
    for (std::size_t i = start; i <= t; ++i) {
      CHECK(row.segment_start[i] == row.segment_start[t]);
      if (row.inputs[i] != kBos) CHECK(text.document_of(row.inputs[i]) == document);
      const bool opens = row.inputs[i] == kBos;
      if (opens) CHECK(i == start);
      if (!opens) CHECK(row.targets[i] == row.inputs[i] + 1);
      if (i > start) CHECK(row.inputs[i] == row.targets[i - 1]);
    }
    // A bos token comes before the first token of a document and nowhere else.
    if (row.inputs[start] == kBos && row.targets[start] > 1) {
      CHECK(text.document_of(row.targets[start] - 1) != document);
    }
  }
}

std::vector<std::int32_t> targets_of(const Rows& rows, std::int64_t length) {
  std::vector<std::int32_t> targets;
  for (std::int64_t i = 0; i < rows.count(); ++i) {
    for (const std::int32_t target : RowData(rows, i, length).targets) {
      if (target != kIgnore) targets.push_back(target);
    }
  }
  CHECK(std::ssize(targets) == rows.targets());
  return targets;
}

// The tokens that should be targets, in order: of each document from `first` on at most `most`.
std::vector<std::int32_t> expected(const std::vector<int>& lengths, int first, int most,
                                   int longest = 1 << 30) {
  std::vector<std::int32_t> all;
  std::int32_t begin = 1;
  for (const int length : lengths) {
    const int count = std::max(length - first, 0);
    for (int i = 0; i < std::min(count, most) && count <= longest; ++i) {
      all.push_back(begin + first + i);
    }
    begin += length;
  }
  return all;
}

std::vector<int> random_lengths(std::uint64_t seed) {
  Random random(seed, RandomStream::kSynthetic);
  std::vector<int> lengths(1 + random.below(40));
  for (int& length : lengths) length = 1 + static_cast<int>(random.below(30));
  return lengths;
}

}  // namespace

TEST_CASE("each pass over a stream has every token as a target once, after the one before it") {
  for (const int size : {2, 3, 16, 17, 100}) {
    const Text text({size});
    for (const std::int64_t length : {1, 4, 16, 200}) {
      CAPTURE(size, length);
      const auto rows = stream_rows(text.memory.view(), length, 9);
      CHECK(rows->count() == (size + length - 1) / length);
      std::set<std::int32_t> beginnings;
      for (std::uint64_t pass = 0; pass < 8; ++pass) {
        std::multiset<std::int32_t> seen;
        for (std::int64_t i = 0; i < rows->count(); ++i) {
          const RowData row(*rows, i, length, pass);
          if (i == 0) beginnings.insert(row.inputs[0]);
          for (std::size_t t = 0; t < row.inputs.size(); ++t) {
            if (t > 0) CHECK(row.inputs[t] == row.inputs[t - 1] % size + 1);
            if (row.targets[t] == kIgnore) continue;
            CHECK(row.targets[t] == row.inputs[t] % size + 1);  // the stream is a ring
            seen.insert(row.targets[t]);
          }
        }
        CHECK(std::ssize(seen) == size);
        CHECK(std::set(seen.begin(), seen.end()).size() == seen.size());
      }
      if (size >= 16) CHECK(beginnings.size() > 2);  // windows begin elsewhere in each pass
    }
  }
}

TEST_CASE("evaluation of a stream predicts each token but the first once, in order") {
  for (const int size : {2, 5, 16, 17, 33}) {
    const Text text({size});
    for (const std::int64_t length : {1, 4, 16, 64}) {
      CAPTURE(size, length);
      const auto rows = eval_stream_rows(text.memory.view(), length);
      CHECK(targets_of(*rows, length) == expected({size}, 1, size));
      for (std::int64_t i = 0; i < rows->count(); ++i) {
        const RowData row(*rows, i, length);
        // A position in the tokens counts from 0, the tokens from 1.
        CHECK(row.targets[0] == rows->first_target(i) + 1);
        for (std::size_t t = 0; t < row.targets.size(); ++t) {
          if (row.targets[t] != kIgnore) CHECK(row.inputs[t] + 1 == row.targets[t]);
        }
      }
    }
  }
}

TEST_CASE("packed documents share a row without seeing each other") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const std::vector<int> lengths = random_lengths(seed);
    const Text text(lengths);
    for (const bool has_bos : {false, true}) {
      const int first = has_bos ? 0 : 1, length = 8 + static_cast<int>(seed % 20);
      CAPTURE(seed, has_bos, length);
      const auto packed =
          packed_rows(text.source(), bos(has_bos), length, recipe::Overlength::kSplit);
      auto targets = targets_of(*packed.rows, length);
      std::sort(targets.begin(), targets.end());
      CHECK(targets == expected(lengths, first, 1 << 30));
      CHECK(packed.truncated == 0);
      // Without bos a document of one token has nothing to predict.
      CHECK(packed.dropped == (has_bos ? 0 : std::count(lengths.begin(), lengths.end(), 1)));
      for (std::int64_t i = 0; i < packed.rows->count(); ++i) {
        check_segments(text, RowData(*packed.rows, i, length));
      }
    }
  }
}

TEST_CASE("documents longer than a row are split, truncated, dropped or refused as asked") {
  const std::vector<int> lengths{3, 10, 1, 4, 21};
  const Text text(lengths);
  const auto pack = [&](bool has_bos, recipe::Overlength overlength) {
    return packed_rows(text.source(), bos(has_bos), 4, overlength);
  };
  const auto sorted_targets = [](const PackedRows& packed) {
    auto targets = targets_of(*packed.rows, 4);
    std::sort(targets.begin(), targets.end());
    return targets;
  };
  const PackedRows split = pack(true, recipe::Overlength::kSplit);
  CHECK(sorted_targets(split) == expected(lengths, 0, 1 << 30));
  CHECK(split.dropped + split.truncated == 0);
  // 39 tokens, one position left.
  CHECK(split.rows->count() == 10);
  const PackedRows truncated = pack(true, recipe::Overlength::kTruncate);
  CHECK(sorted_targets(truncated) == expected(lengths, 0, 4));
  CHECK(truncated.truncated == 2);
  CHECK(truncated.dropped == 0);
  const PackedRows dropped = pack(true, recipe::Overlength::kDrop);
  CHECK(sorted_targets(dropped) == expected(lengths, 0, 1 << 30, 4));
  CHECK(dropped.dropped == 2);
  CHECK(error_text([&] { pack(true, recipe::Overlength::kError); }) ==
        "usage: a.txt: document 2 has 10 tokens to predict, more than data.max_seq_length 4; set "
        "data.overlength to split, truncate or drop");
  // Five tokens without bos are four to predict.
  const Text fits({5, 5});
  CHECK(packed_rows(fits.source(), std::nullopt, 4, recipe::Overlength::kError).rows->count() == 2);
}

TEST_CASE("evaluation of packed documents keeps their order and cuts none that fits") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const std::vector<int> lengths = random_lengths(seed);
    const Text text(lengths);
    for (const bool has_bos : {false, true}) {
      const int length = 8 + static_cast<int>(seed % 20);
      CAPTURE(seed, has_bos, length);
      const auto rows = eval_packed_rows(text.source(), bos(has_bos), length);
      CHECK(targets_of(*rows, length) == expected(lengths, has_bos ? 0 : 1, 1 << 30));
      std::vector<std::set<std::int64_t>> rows_of_document(lengths.size());
      for (std::int64_t i = 0; i < rows->count(); ++i) {
        const RowData row(*rows, i, length);
        check_segments(text, row);
        for (std::size_t t = 0; t < row.targets.size(); ++t) {
          if (row.targets[t] == kIgnore) continue;
          CHECK(row.targets[t] == rows->first_target(i) + static_cast<std::int64_t>(t) + 1);
          rows_of_document[text.document_of(row.targets[t])].insert(i);
        }
      }
      for (std::size_t i = 0; i < lengths.size(); ++i) {
        if (lengths[i] <= length) CHECK(rows_of_document[i].size() <= 1);
      }
    }
  }
}

}  // namespace llmops::data
