#pragma once

#include "tensor/kernels/cpu/isa/tile.h"
#include "tensor/kernels/cpu/isa/transpose.h"
#include "tensor/kernels/cpu/isa/with_type.h"

// Shared by attention and its backward. One task is one key/value head of one row of the batch,
// with the query heads that read it; its keys and values are copied as float into buffers that the
// tiles read in order. Scores exist for a block of queries at a time.
namespace llmops::tensor::LLMOPS_ISA {

constexpr Index kTileQueries = 6;
#if defined(__AVX512F__)
constexpr int kTileVectors = 4;
#else
constexpr int kTileVectors = 2;
#endif
constexpr Index kQueryBlock = 4 * kTileQueries;
constexpr Index kStrip = kTileVectors * kLanes;  // keys side by side in a tile of scores

// Sizes of the buffers of one task.
struct AttentionSizes {
  Index length, dim;    // T, D
  Index padded_dim;     // D in whole vectors: row stride of copies of q, k, v
  Index padded_length;  // T in whole strips
  Index score_stride;   // one vector longer, so that rows fall into different cache sets
  explicit AttentionSizes(const cpu::AttentionCall& call)
      : length(call.length),
        dim(call.head_dim),
        padded_dim(round_up(dim, kLanes)),
        padded_length(round_up(length, kStrip)),
        score_stride(padded_length + kLanes) {}
  Index copy() const { return padded_length * padded_dim; }
  Index strips() const { return padded_length * dim; }
  Index scores() const { return kQueryBlock * score_stride; }
  Index queries() const { return kQueryBlock * padded_dim; }
};

template <int R, int V, class A, class B>
inline void score_tile(Index k, A a, const B* b, Index b_stride, float* c, Index c_stride,
                       bool add) {
  Vec sum[R][V];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) sum[r][v] = add ? load(c + r * c_stride + v * kLanes) : Vec{};
  }
  multiply<FloatStep, R, V>(k, a, b, b_stride, sum);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) store(c + r * c_stride + v * kLanes, sum[r][v]);
  }
}

// c [rows, vectors kLanes] = or += a b, with a(r, i) = a[r * stride + i], or, transposed,
// a[i * stride + r].
template <bool Transposed, class B>
inline void multiply_block(Index rows, Index vectors, Index k, const float* a, Index a_stride,
                           const B* b, Index b_stride, float* c, Index c_stride, bool add) {
  for (Index v = 0; v < vectors; v += kTileVectors) {
    with_constant<kTileVectors>(min(kTileVectors, vectors - v), [&](auto width) {
      for (Index r = 0; r < rows; r += kTileQueries) {
        with_constant<kTileQueries>(min(kTileQueries, rows - r), [&](auto height) {
          constexpr int R = decltype(height)::value, V = decltype(width)::value;
          const auto tile = [&](auto units) {
            score_tile<R, V>(k, units, b + v * kLanes, b_stride, c + r * c_stride + v * kLanes,
                             c_stride, add);
          };
          if constexpr (Transposed) {
            tile(Steps{a + r, a_stride});
          } else {
            tile(Rows<float, R>(a + r * a_stride, a_stride));
          }
        });
      }
    });
  }
}

// Rows of a head as float, padded with zeros: to [rows][padded_dim].
template <class T>
inline void copy_rows(const T* from, Index stride, Index rows, const AttentionSizes& sizes,
                      float* to) {
  for (Index r = 0; r < rows; ++r) {
    each_vector(sizes.dim, [&](Index i, Index n) {
      store(to + r * sizes.padded_dim + i, load_n(from + r * stride + i, n));
    });
  }
}

// The same transposed, in strips of kStrip rows: strip s is [dim][kStrip] at to + s dim kStrip.
template <class T>
inline void copy_strips(const T* from, Index stride, const AttentionSizes& sizes, float* to) {
  for (Index row = 0; row < sizes.padded_length; row += kLanes) {
    const T* rows = from + row * stride;
    float* strip = to + row / kStrip * sizes.dim * kStrip + row % kStrip;
    transpose_rows(
        max(0, min(kLanes, sizes.length - row)), sizes.dim,
        [&](Index r, Index i, Index n) { return load_n(rows + r * stride + i, n); }, strip, kStrip);
  }
}

// A block of queries [first, last) of one row of the batch, and the keys they see.
struct QueryBlock {
  const cpu::AttentionCall& call;
  const std::int32_t* segment_start;  // of this row of the batch, or null
  Index first, last;
  Index key_begin;  // a multiple of kStrip; no query of the block sees an earlier key

  QueryBlock(const cpu::AttentionCall& c, Index row, Index begin)
      : call(c),
        segment_start(c.segment_start ? c.segment_start + row * c.length : nullptr),
        first(begin),
        last(min(c.length, begin + kQueryBlock)) {
    Index lowest = first;
    for (Index q = first; q < last; ++q) lowest = min(lowest, first_key(q));
    key_begin = round_down(lowest, kStrip);
  }
  Index size() const { return last - first; }
  Index first_key(Index query) const {
    Index key = segment_start ? segment_start[query] : 0;
    if (call.window > 0) key = max(key, query - call.window + 1);
    return max(0, min(key, query));
  }
  // Keys that any of the queries before `end` sees, in whole vectors.
  Index key_end(Index end) const { return round_up(end, kLanes); }
};

// scores[r][key - key_begin] = q[r] . strips[key], where some query of r's tile may see the key.
inline void block_scores(const QueryBlock& block, const AttentionSizes& sizes, const float* q,
                         const float* strips, float* scores) {
  for (Index key = block.key_begin; key < block.key_end(block.last); key += kStrip) {
    const float* strip = strips + key * sizes.dim;
    for (Index r = 0; r < block.size(); r += kTileQueries) {
      const Index rows = min(kTileQueries, block.size() - r);
      const Index columns = min(kStrip, block.key_end(block.first + r + rows) - key);
      if (columns <= 0) continue;
      multiply_block<false>(rows, columns / kLanes, sizes.dim, q + r * sizes.padded_dim,
                            sizes.padded_dim, strip, kStrip,
                            scores + r * sizes.score_stride + key - block.key_begin,
                            sizes.score_stride, false);
    }
  }
}

}  // namespace llmops::tensor::LLMOPS_ISA
