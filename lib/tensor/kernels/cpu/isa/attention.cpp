#include "tensor/kernels/cpu/isa/attention.h"

#include "tensor/kernels/cpu/isa/dropout_vec.h"
#include "tensor/kernels/cpu/isa/math.h"
#include "tensor/kernels/cpu/isa/parallel.h"
#include "tensor/kernels/cpu/scratch.h"

namespace llmops::tensor::LLMOPS_ISA {
namespace {

using cpu::AttentionCall;

struct Buffers {
  float *key_strips, *values, *queries, *scores, *sums;

  static Index size(const AttentionSizes& s) {
    return s.strips() + s.copy() + s.queries() + s.scores() + s.queries();
  }
  Buffers(float* memory, const AttentionSizes& s)
      : key_strips(memory),
        values(key_strips + s.strips()),
        queries(values + s.copy()),
        scores(queries + s.queries()),
        sums(scores + s.scores()) {}
};

// Scores of keys [begin, end) of the row become exp(scale (score - highest)), zero outside
// [low, high]; returns their sum and sets the log of the sum of exp(scale score).
float softmax_row(float* row, Index begin, Index end, Index low, Index high, float scale,
                  float& lse) {
  const Index start = round_down(low - begin, kLanes), size = end - begin;
  const auto score = [&](Index i) {
    return select(in_range(begin + i, low, high), load(row + i), splat(-__builtin_inff()));
  };
  Vec highest = splat(-__builtin_inff());
  for (Index i = start; i < size; i += kLanes) highest = at_least(score(i), highest);
  const float top = max_lanes(highest);
  for (Index i = 0; i < start; i += kLanes) store(row + i, Vec{});
  Vec total{};
  for (Index i = start; i < size; i += kLanes) {
    const Vec e = exp((score(i) - splat(top)) * splat(scale));
    store(row + i, e);
    total += e;
  }
  const float sum = sum_lanes(total);
  lse = scale * top + __builtin_logf(sum);
  return sum;
}

void drop_row(const DropoutMask& mask, std::uint64_t row, float* weights, Index begin, Index end) {
  float scales[kMaskColumns];
  for (Index k = begin; k < end; k += kMaskColumns) {
    mask_scales(mask, row, k, scales);
    for (Index i = 0; i < min(kMaskColumns, end - k); i += kLanes) {
      store(weights + k - begin + i, load(weights + k - begin + i) * load(scales + i));
    }
  }
}

template <class T>
void query_block(const QueryBlock& block, const AttentionSizes& sizes, const Buffers& buffers,
                 Index row, Index head, const T* q, T* out) {
  const AttentionCall& call = block.call;
  const Index q_stride = (call.heads + 2 * call.kv_heads) * sizes.dim;
  const Index out_stride = call.heads * sizes.dim,
              head_row = (row * call.heads + head) * call.length;
  copy_rows(q + block.first * q_stride, q_stride, block.size(), sizes, buffers.queries);
  block_scores(block, sizes, buffers.queries, buffers.key_strips, buffers.scores);
  for (Index tile = 0; tile < block.size(); tile += kTileQueries) {
    const Index rows = min(kTileQueries, block.size() - tile);
    const Index key_end = block.key_end(block.first + tile + rows);
    float inverse_sum[kTileQueries];
    for (Index r = 0; r < rows; ++r) {
      const Index query = block.first + tile + r;
      float* weights = buffers.scores + (tile + r) * sizes.score_stride;
      inverse_sum[r] = 1.0f / softmax_row(weights, block.key_begin, key_end, block.first_key(query),
                                          query, call.scale, call.lse[head_row + query]);
      if (call.dropout.threshold) {
        drop_row(call.dropout, static_cast<std::uint64_t>(head_row + query), weights,
                 block.key_begin, key_end);
      }
    }
    // Values beyond the last key are zeros: their weights are zero too.
    multiply_block<false>(rows, sizes.padded_dim / kLanes, key_end - block.key_begin,
                          buffers.scores + tile * sizes.score_stride, sizes.score_stride,
                          buffers.values + block.key_begin * sizes.padded_dim, sizes.padded_dim,
                          buffers.sums, sizes.padded_dim, false);
    for (Index r = 0; r < rows; ++r) {
      T* to = out + (block.first + tile + r) * out_stride;
      each_vector(sizes.dim, [&](Index i, Index n) {
        store_n(to + i, load(buffers.sums + r * sizes.padded_dim + i) * splat(inverse_sum[r]), n);
      });
    }
  }
}

template <class T>
void task(const AttentionCall& call, const AttentionSizes& sizes, Index row, Index kv_head,
          const T* qkv, T* out) {
  const Index dim = sizes.dim, stride = (call.heads + 2 * call.kv_heads) * dim;
  const Buffers buffers(cpu::scratch_array<float>(cpu::Slot::kAttention, Buffers::size(sizes)),
                        sizes);
  const T* base = qkv + row * call.length * stride;
  copy_strips(base + (call.heads + kv_head) * dim, stride, sizes, buffers.key_strips);
  copy_rows(base + (call.heads + call.kv_heads + kv_head) * dim, stride, call.length, sizes,
            buffers.values);
  __builtin_memset(
      buffers.values + call.length * sizes.padded_dim, 0,
      static_cast<std::size_t>((sizes.padded_length - call.length) * sizes.padded_dim) *
          sizeof(float));
  const Index group = call.heads / call.kv_heads;
  for (Index head = kv_head * group; head < (kv_head + 1) * group; ++head) {
    for (Index first = 0; first < call.length; first += kQueryBlock) {
      query_block(QueryBlock(call, row, first), sizes, buffers, row, head, base + head * dim,
                  out + (row * call.length * call.heads + head) * dim);
    }
  }
}

}  // namespace

void attention(const AttentionCall& call) {
  const AttentionSizes sizes(call);
  with_type(call.qkv, [&](auto* qkv) {
    auto* out = static_cast<decltype(qkv)>(call.out.data);
    parallel_tasks(call.batch * call.kv_heads, [&](Index i) {
      task(call, sizes, i / call.kv_heads, i % call.kv_heads, qkv, out);
    });
  });
}

}  // namespace llmops::tensor::LLMOPS_ISA
