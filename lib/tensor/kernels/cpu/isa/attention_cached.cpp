#include "tensor/kernels/cpu/isa/attention.h"
#include "tensor/kernels/cpu/isa/math.h"
#include "tensor/kernels/cpu/isa/parallel.h"
#include "tensor/kernels/cpu/scratch.h"

// Attention of the newest tokens of sequences to all of their tokens, whose keys and values are in
// pages. Keys lie transposed in a page, as the tiles read them.
//
// A block is a few tokens of one sequence with query heads that read the same keys: one task, or
// one for each chunk of its context when there are fewer blocks than threads want. A chunk begins
// at a multiple of kContextChunk, has a softmax of its own, and is merged into those before it in
// order. What a query gets therefore depends on its sequence alone: not on the block it is in, nor
// on the number of threads.
namespace llmops::tensor::LLMOPS_ISA {
namespace {

using cpu::CachedAttentionCall;
using cpu::kPageTokens;

constexpr Index kContextChunk = 4 * kPageTokens;
constexpr Index kScoreStride = kContextChunk + kLanes;  // rows fall into different cache sets
static_assert(kPageTokens % kStrip == 0);

// How queries are cut into blocks.
struct BlockShape {
  Index heads, tokens;  // of one block: heads of a group, tokens of a sequence
  Index head_blocks;    // of a group

  explicit BlockShape(const CachedAttentionCall& call) {
    const Index group = call.heads / call.kv_heads;
    heads = min(group, kQueryBlock);
    head_blocks = ceil_div(group, heads);
    tokens = max(1, kQueryBlock / heads);
  }
  Index rows() const { return heads * tokens; }
};

// A block: row r is head `head + r % heads` of the token `token + r / heads`.
struct Block {
  Index token, tokens, head, heads, kv_head;
  Index position;  // of the first token in its sequence
  const std::int32_t* pages;

  Index rows() const { return tokens * heads; }
  Index position_of(Index row) const { return position + row / heads; }
  Index last_position() const { return position + tokens - 1; }
};

Index first_key(const CachedAttentionCall& call, Index position) {
  return call.window > 0 ? max(0, position - call.window + 1) : 0;
}

// The softmax of rows over some keys: the weighted sum of values relative to exp(scale top).
struct Partial {
  float *sums, *tops, *totals;  // [rows, padded D], [rows], [rows]; total 0: no key was seen

  static Index size(Index rows, Index dim) { return rows * (dim + 2); }
  Partial(float* memory, Index rows, Index dim)
      : sums(memory), tops(memory + rows * dim), totals(memory + rows * dim + rows) {}
};

constexpr Index kChunkPages = kContextChunk / kPageTokens;

// The pages of a chunk for one head.
template <class T>
struct ChunkPages {
  const T *keys[kChunkPages], *values[kChunkPages];
};

struct Buffers {
  float *queries, *scores, *keys, *values;  // keys and values of a chunk, widened

  static Index size(Index rows, Index dim) {
    return rows * (dim + kScoreStride) + 2 * kContextChunk * dim;
  }
  Buffers(float* memory, Index rows, Index dim)
      : queries(memory),
        scores(queries + rows * dim),
        keys(scores + rows * kScoreStride),
        values(keys + kContextChunk * dim) {}
};

// Keys and values of the token at `position` of a sequence.
template <class T>
void store_token(const CachedAttentionCall& call, Index sequence, Index position, const T* qkv) {
  const Index dim = call.head_dim, padded = call.padded_dim();
  const Index page = call.pages[sequence * call.page_stride + position / kPageTokens];
  const Index slot = position % kPageTokens;
  const T* key = qkv + call.heads * dim;
  const T* value = key + call.kv_heads * dim;
  for (Index head = 0; head < call.kv_heads; ++head, key += dim, value += dim) {
    const Index place = page * call.kv_heads + head;
    T* keys = static_cast<T*>(call.keys.data) + place * dim * kPageTokens + slot;
    T* values = static_cast<T*>(call.values.data) + (place * kPageTokens + slot) * padded;
    for (Index i = 0; i < dim; ++i) keys[i * kPageTokens] = key[i];
    for (Index i = 0; i < padded; ++i) values[i] = i < dim ? value[i] : T{};
  }
}

template <class T>
void store_tokens(const CachedAttentionCall& call, const T* qkv) {
  const Index row = (call.heads + 2 * call.kv_heads) * call.head_dim;
  for (Index s = 0; s < call.sequences; ++s) {
    const Index begin = call.offsets[s], count = call.offsets[s + 1] - begin;
    parallel_for(count, ceil_div(16384, max(1, call.kv_heads * call.head_dim)),
                 [&](Index first, Index last) {
                   for (Index i = first; i < last; ++i) {
                     store_token(call, s, call.starts[s] + i, qkv + (begin + i) * row);
                   }
                 });
  }
}

// Scores of keys [begin, end) become exp(scale (score - top)), zero outside [low, high].
void softmax_row(float* row, Index begin, Index end, Index low, Index high, float scale, float& top,
                 float& total) {
  const Index size = end - begin;
  const auto score = [&](Index i) {
    return select(in_range(begin + i, low, high), load(row + i), splat(-__builtin_inff()));
  };
  total = 0;
  top = -__builtin_inff();
  if (high < begin || low >= end) {
    for (Index i = 0; i < size; i += kLanes) store(row + i, Vec{});
    return;
  }
  Vec highest = splat(top);
  for (Index i = 0; i < size; i += kLanes) highest = at_least(score(i), highest);
  top = max_lanes(highest);
  Vec sum{};
  for (Index i = 0; i < size; i += kLanes) {
    const Vec e = exp((score(i) - splat(top)) * splat(scale));
    store(row + i, e);
    sum += e;
  }
  total = sum_lanes(sum);
}

// The keys from `begin`, of one chunk, that the block sees.
template <class T>
void attend_pages(const CachedAttentionCall& call, const Block& block, Index begin,
                  const ChunkPages<T>& pages, const Buffers& buffers, const Partial& out) {
  const Index dim = call.head_dim, padded = call.padded_dim();
  for (Index tile = 0; tile < block.rows(); tile += kTileQueries) {
    const Index rows = min(kTileQueries, block.rows() - tile);
    const Index keys = min(kContextChunk, block.position_of(tile + rows - 1) + 1 - begin);
    float* scores = buffers.scores + tile * kScoreStride;
    for (Index key = 0; key < keys; key += kPageTokens) {
      for (Index c = 0; c < min(kPageTokens, keys - key); c += kStrip) {
        multiply_block<false>(rows, ceil_div(min(kStrip, keys - key - c), kLanes), dim,
                              buffers.queries + tile * padded, padded,
                              pages.keys[key / kPageTokens] + c, kPageTokens, scores + key + c,
                              kScoreStride, false);
      }
    }
    for (Index r = tile; r < tile + rows; ++r) {
      const Index position = block.position_of(r);
      softmax_row(buffers.scores + r * kScoreStride, begin, begin + round_up(max(0, keys), kLanes),
                  first_key(call, position), position, call.scale, out.tops[r], out.totals[r]);
    }
    if (keys <= 0) {
      for (Index i = 0; i < rows * padded; ++i) out.sums[tile * padded + i] = 0;
    }
    // Only keys that are there: what a page has after them may be anything.
    for (Index key = 0; key < keys; key += kPageTokens) {
      multiply_block<false>(rows, padded / kLanes, min(kPageTokens, keys - key), scores + key,
                            kScoreStride, pages.values[key / kPageTokens], padded,
                            out.sums + tile * padded, padded, key > 0);
    }
  }
}

inline void widen(const BFloat16* from, Index size, float* to) {
  for (Index i = 0; i < size; i += kLanes) store(to + i, load(from + i));
}

template <class T>
void attend_chunk(const CachedAttentionCall& call, const Block& block, Index chunk,
                  const Buffers& buffers, const Partial& out) {
  const Index dim = call.head_dim, padded = call.padded_dim();
  const Index begin = chunk * kContextChunk;
  const Index count =
      min(kChunkPages, block.last_position() / kPageTokens - chunk * kChunkPages + 1);
  ChunkPages<T> pages;
  for (Index i = 0; i < count; ++i) {
    const Index place = Index{block.pages[chunk * kChunkPages + i]} * call.kv_heads + block.kv_head;
    pages.keys[i] = static_cast<const T*>(call.keys.data) + place * dim * kPageTokens;
    pages.values[i] = static_cast<const T*>(call.values.data) + place * kPageTokens * padded;
  }
  if constexpr (sizeof(T) == 2) {
    // Once for all tiles, instead of by each.
    if (block.rows() > kTileQueries) {
      ChunkPages<float> wide;
      for (Index i = 0; i < count; ++i) {
        float* keys = buffers.keys + i * dim * kPageTokens;
        float* values = buffers.values + i * padded * kPageTokens;
        widen(pages.keys[i], dim * kPageTokens, keys);
        widen(pages.values[i], padded * kPageTokens, values);
        wide.keys[i] = keys;
        wide.values[i] = values;
      }
      return attend_pages(call, block, begin, wide, buffers, out);
    }
  }
  attend_pages(call, block, begin, pages, buffers, out);
}

// Adds the keys of `part` to those of `all`.
void merge(const Partial& all, const Partial& part, Index rows, Index dim, float scale) {
  for (Index r = 0; r < rows; ++r) {
    if (part.totals[r] == 0) continue;
    const bool first = all.totals[r] == 0;
    const float top = first || part.tops[r] > all.tops[r] ? part.tops[r] : all.tops[r];
    const float kept = first ? 0.0f : exp(splat((all.tops[r] - top) * scale))[0];
    const float added = exp(splat((part.tops[r] - top) * scale))[0];
    all.tops[r] = top;
    all.totals[r] = all.totals[r] * kept + part.totals[r] * added;
    for (Index i = 0; i < dim; i += kLanes) {
      float* to = all.sums + r * dim + i;
      store(to, load(to) * splat(kept) + load(part.sums + r * dim + i) * splat(added));
    }
  }
}

template <class T>
void copy_queries(const CachedAttentionCall& call, const Block& block, const T* qkv, float* to) {
  const Index dim = call.head_dim, padded = call.padded_dim();
  for (Index r = 0; r < block.rows(); ++r) {
    const T* from = qkv + (block.token + r / block.heads) * (call.heads + 2 * call.kv_heads) * dim +
                    (block.head + r % block.heads) * dim;
    each_vector(dim, [&](Index i, Index n) { store(to + r * padded + i, load_n(from + i, n)); });
  }
}

template <class T>
void write_out(const CachedAttentionCall& call, const Block& block, const Partial& all, T* out) {
  const Index dim = call.head_dim, padded = call.padded_dim();
  for (Index r = 0; r < block.rows(); ++r) {
    T* to = out + (block.token + r / block.heads) * call.heads * dim +
            (block.head + r % block.heads) * dim;
    const Vec share = splat(1.0f / all.totals[r]);
    each_vector(dim, [&](Index i, Index n) {
      store_n(to + i, load(all.sums + r * padded + i) * share, n);
    });
  }
}

// All blocks of a call, numbered sequence by sequence.
struct Blocks {
  const CachedAttentionCall& call;
  BlockShape shape;
  Index each;  // of one run of tokens: groups and parts of a group
  Index count = 0;
  Index chunks = 0;     // most of a block
  std::int32_t* first;  // block of each sequence, [sequences + 1]

  explicit Blocks(const CachedAttentionCall& c)
      : call(c),
        shape(c),
        each(c.kv_heads * shape.head_blocks),
        first(cpu::scratch_array<std::int32_t>(cpu::Slot::kPackedA, c.sequences + 1)) {
    for (Index s = 0; s < c.sequences; ++s) {
      first[s] = static_cast<std::int32_t>(count);
      const Index tokens = c.offsets[s + 1] - c.offsets[s];
      count += ceil_div(tokens, shape.tokens) * each;
      chunks = max(chunks, ceil_div(c.starts[s] + tokens, kContextChunk));
    }
    first[c.sequences] = static_cast<std::int32_t>(count);
  }

  Block operator[](Index number) const {
    Index low = 0, high = call.sequences;  // the sequence is in [low, high)
    while (high - low > 1) {
      const Index middle = (low + high) / 2;
      (first[middle] <= number ? low : high) = middle;
    }
    const Index within = number - first[low], run = within / each * shape.tokens;
    const Index group = call.heads / call.kv_heads, part = within % each % shape.head_blocks;
    const Index kv_head = within % each / shape.head_blocks;
    return {.token = call.offsets[low] + run,
            .tokens = min(shape.tokens, call.offsets[low + 1] - call.offsets[low] - run),
            .head = kv_head * group + part * shape.heads,
            .heads = min(shape.heads, group - part * shape.heads),
            .kv_head = kv_head,
            .position = call.starts[low] + run,
            .pages = call.pages + low * call.page_stride};
  }
  Index first_chunk(const Block& block) const {
    return first_key(call, block.position) / kContextChunk;
  }
  Index last_chunk(const Block& block) const { return block.last_position() / kContextChunk; }
};

template <class T>
void attend(const CachedAttentionCall& call, const T* qkv, T* out) {
  const Blocks blocks(call);
  const Index rows = blocks.shape.rows(), dim = call.padded_dim();
  const Index partial = Partial::size(rows, dim), work = Buffers::size(rows, dim);
  const Index threads = omp_in_parallel() ? 1 : omp_get_max_threads();
  if (blocks.count >= 2 * threads || blocks.chunks == 1) {
    parallel_tasks(blocks.count, [&](Index number) {
      const Block block = blocks[number];
      float* memory = cpu::scratch_array<float>(cpu::Slot::kAttention, work + 2 * partial);
      const Buffers buffers(memory, rows, dim);
      const Partial all(memory + work, rows, dim), part(memory + work + partial, rows, dim);
      copy_queries(call, block, qkv, buffers.queries);
      const Index begin = blocks.first_chunk(block);
      attend_chunk<T>(call, block, begin, buffers, all);
      for (Index chunk = begin + 1; chunk <= blocks.last_chunk(block); ++chunk) {
        attend_chunk<T>(call, block, chunk, buffers, part);
        merge(all, part, block.rows(), dim, call.scale);
      }
      write_out(call, block, all, out);
    });
    return;
  }
  float* partials =
      cpu::scratch_array<float>(cpu::Slot::kPartials, blocks.count * blocks.chunks * partial);
  const auto partial_of = [&](Index number, Index chunk) {
    return Partial(partials + (number * blocks.chunks + chunk) * partial, rows, dim);
  };
  parallel_tasks(blocks.count * blocks.chunks, [&](Index task) {
    const Index number = task / blocks.chunks, chunk = task % blocks.chunks;
    const Block block = blocks[number];
    if (chunk < blocks.first_chunk(block) || chunk > blocks.last_chunk(block)) return;
    const Buffers buffers(cpu::scratch_array<float>(cpu::Slot::kAttention, work), rows, dim);
    copy_queries(call, block, qkv, buffers.queries);
    attend_chunk<T>(call, block, chunk, buffers, partial_of(number, chunk));
  });
  parallel_tasks(blocks.count, [&](Index number) {
    const Block block = blocks[number];
    const Index begin = blocks.first_chunk(block);
    const Partial all = partial_of(number, begin);
    for (Index chunk = begin + 1; chunk <= blocks.last_chunk(block); ++chunk) {
      merge(all, partial_of(number, chunk), block.rows(), dim, call.scale);
    }
    write_out(call, block, all, out);
  });
}

}  // namespace

void attention_cached(const CachedAttentionCall& call) {
  with_type(call.qkv, [&](auto* qkv) {
    store_tokens(call, qkv);
    attend(call, qkv, static_cast<decltype(qkv)>(call.out.data));
  });
}

}  // namespace llmops::tensor::LLMOPS_ISA
