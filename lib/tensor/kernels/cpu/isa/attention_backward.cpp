#include "tensor/kernels/cpu/isa/attention.h"
#include "tensor/kernels/cpu/isa/dropout_vec.h"
#include "tensor/kernels/cpu/isa/math.h"
#include "tensor/kernels/cpu/isa/parallel.h"
#include "tensor/kernels/cpu/scratch.h"

namespace llmops::tensor::LLMOPS_ISA {
namespace {

using cpu::AttentionCall;

struct Buffers {
  float *key_strips, *value_strips, *keys, *dkeys, *dvalues;
  float *queries, *douts, *dqueries, *weights, *dscores;

  static Index size(const AttentionSizes& s) {
    return 2 * s.strips() + 3 * s.copy() + 3 * s.queries() + 2 * s.scores();
  }
  Buffers(float* memory, const AttentionSizes& s) {
    const auto take = [&memory](Index count) {
      float* start = memory;
      memory += count;
      return start;
    };
    key_strips = take(s.strips());
    value_strips = take(s.strips());
    keys = take(s.copy());
    dkeys = take(s.copy());
    dvalues = take(s.copy());
    queries = take(s.queries());
    douts = take(s.queries());
    dqueries = take(s.queries());
    weights = take(s.scores());
    dscores = take(s.scores());
  }
};

// From scores and d weights of keys [begin, end): the weights as the forward applied them, and d
// scores = weight (d weight - delta) scale; both zero outside [low, high].
void backward_row(const AttentionCall& call, std::uint64_t mask_row, float lse, float delta,
                  Index begin, Index end, Index low, Index high, float* weights, float* dscores) {
  float scales[kMaskColumns];
  for (Index key = begin; key < end; key += kMaskColumns) {
    if (call.dropout.threshold) mask_scales(call.dropout, mask_row, key, scales);
    for (Index i = 0; i < min(kMaskColumns, end - key); i += kLanes) {
      float *w = weights + key - begin + i, *d = dscores + key - begin + i;
      if (key + i + kLanes <= low || key + i > high) {
        store(w, Vec{});
        store(d, Vec{});
        continue;
      }
      const Ints seen = in_range(key + i, low, high);
      const Vec weight = exp(load(w) * splat(call.scale) - splat(lse));
      const Vec kept = call.dropout.threshold ? load(scales + i) : splat(1.0f);
      store(w, select(seen, weight * kept, Vec{}));
      const Vec dscore = weight * (load(d) * kept - splat(delta)) * splat(call.scale);
      store(d, select(seen, dscore, Vec{}));
    }
  }
}

template <class T>
float row_dot(const T* a, const float* b, Index size) {
  Vec total{};
  each_vector(size, [&](Index i, Index n) { total += load_n(a + i, n) * load_n(b + i, n); });
  return sum_lanes(total);
}

template <class T>
void query_block(const QueryBlock& block, const AttentionSizes& sizes, const Buffers& buffers,
                 Index row, Index head, const T* q, const T* out, const T* dout, T* dq) {
  const AttentionCall& call = block.call;
  const Index stride = (call.heads + 2 * call.kv_heads) * sizes.dim;
  const Index out_stride = call.heads * sizes.dim, vectors = sizes.padded_dim / kLanes;
  const Index head_row = (row * call.heads + head) * call.length;
  copy_rows(q + block.first * stride, stride, block.size(), sizes, buffers.queries);
  copy_rows(dout + block.first * out_stride, out_stride, block.size(), sizes, buffers.douts);
  block_scores(block, sizes, buffers.queries, buffers.key_strips, buffers.weights);
  block_scores(block, sizes, buffers.douts, buffers.value_strips, buffers.dscores);
  const Index key_end = block.key_end(block.last), keys = key_end - block.key_begin;
  for (Index r = 0; r < block.size(); ++r) {
    const Index query = block.first + r;
    const float delta =
        row_dot(out + query * out_stride, buffers.douts + r * sizes.padded_dim, sizes.dim);
    backward_row(call, static_cast<std::uint64_t>(head_row + query), call.lse[head_row + query],
                 delta, block.key_begin, key_end, block.first_key(query), query,
                 buffers.weights + r * sizes.score_stride,
                 buffers.dscores + r * sizes.score_stride);
  }
  multiply_block<false>(block.size(), vectors, keys, buffers.dscores, sizes.score_stride,
                        buffers.keys + block.key_begin * sizes.padded_dim, sizes.padded_dim,
                        buffers.dqueries, sizes.padded_dim, false);
  multiply_block<true>(keys, vectors, block.size(), buffers.dscores, sizes.score_stride,
                       buffers.queries, sizes.padded_dim,
                       buffers.dkeys + block.key_begin * sizes.padded_dim, sizes.padded_dim, true);
  multiply_block<true>(keys, vectors, block.size(), buffers.weights, sizes.score_stride,
                       buffers.douts, sizes.padded_dim,
                       buffers.dvalues + block.key_begin * sizes.padded_dim, sizes.padded_dim,
                       true);
  for (Index r = 0; r < block.size(); ++r) {
    T* to = dq + (block.first + r) * stride;
    each_vector(sizes.dim, [&](Index i, Index n) {
      store_n(to + i, load(buffers.dqueries + r * sizes.padded_dim + i), n);
    });
  }
}

template <class T>
void task(const AttentionCall& call, const AttentionSizes& sizes, Index row, Index kv_head,
          const T* qkv, T* dqkv) {
  const Index dim = sizes.dim, stride = (call.heads + 2 * call.kv_heads) * dim;
  const Buffers buffers(cpu::scratch_array<float>(cpu::Slot::kAttention, Buffers::size(sizes)),
                        sizes);
  const Index start = row * call.length * stride;
  const Index key_column = (call.heads + kv_head) * dim;
  const Index value_column = key_column + call.kv_heads * dim;
  copy_strips(qkv + start + key_column, stride, sizes, buffers.key_strips);
  copy_strips(qkv + start + value_column, stride, sizes, buffers.value_strips);
  // Keys and their gradients beyond the last one meet zero scores only, but must be numbers.
  __builtin_memset(buffers.keys, 0, static_cast<std::size_t>(3 * sizes.copy()) * sizeof(float));
  copy_rows(qkv + start + key_column, stride, call.length, sizes, buffers.keys);
  const Index group = call.heads / call.kv_heads;
  const auto* out = static_cast<const T*>(call.out.data);
  const auto* dout = static_cast<const T*>(call.dout.data);
  for (Index head = kv_head * group; head < (kv_head + 1) * group; ++head) {
    const Index at = (row * call.length * call.heads + head) * dim;
    for (Index first = 0; first < call.length; first += kQueryBlock) {
      query_block(QueryBlock(call, row, first), sizes, buffers, row, head, qkv + start + head * dim,
                  out + at, dout + at, dqkv + start + head * dim);
    }
  }
  for (Index t = 0; t < call.length; ++t) {
    T* to = dqkv + start + t * stride;
    each_vector(dim, [&](Index i, Index n) {
      store_n(to + key_column + i, load(buffers.dkeys + t * sizes.padded_dim + i), n);
      store_n(to + value_column + i, load(buffers.dvalues + t * sizes.padded_dim + i), n);
    });
  }
}

}  // namespace

void attention_backward(const AttentionCall& call) {
  const AttentionSizes sizes(call);
  with_type(call.qkv, [&](auto* qkv) {
    auto* dqkv = static_cast<decltype(qkv)>(call.dqkv.data);
    parallel_tasks(call.batch * call.kv_heads, [&](Index i) {
      task(call, sizes, i / call.kv_heads, i % call.kv_heads, qkv, dqkv);
    });
  });
}

}  // namespace llmops::tensor::LLMOPS_ISA
