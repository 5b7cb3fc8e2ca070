#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "tensor/generate/decoder.h"

namespace llmops::tensor {

// A text and how much of it the cache holds.
struct Sequence {
  std::vector<std::int32_t> ids;
  std::int64_t first = 0;     // ids before it are not seen any more
  std::int64_t computed = 0;  // of those from `first`
  Pages pages;

  std::int64_t seen() const { return std::ssize(ids) - first; }
  std::int64_t pending() const { return seen() - computed; }
  // The next `count` tokens to compute.
  Piece next(std::int64_t count) const {
    const auto from = static_cast<std::size_t>(first + computed);
    return {std::span(ids).subspan(from, static_cast<std::size_t>(count)), computed, pages.list()};
  }
};

// A part of a pass: the `count` tokens of a sequence from ids[begin] on, whose rows of the pass
// begin with `row`.
struct Turn {
  Sequence* sequence;
  std::int64_t begin = 0, count = 0, row = 0;

  std::int64_t end() const { return begin + count; }
};

}  // namespace llmops::tensor
