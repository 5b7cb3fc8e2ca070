#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <string_view>

#include "base/random.h"
#include "tensor/kernels/cpu/raw.h"
#include "tests/unit/tensor/kernels/check.h"

namespace llmops::tensor {

namespace {

constexpr std::uint64_t kSeed = 53;

struct Case {
  std::int64_t heads, kv_heads, head_dim, window;
};

// Sequences in a cache of pages that are taken in no order and hold what is not a number.
class Cache {
 public:
  Cache(const Case& c, std::int64_t pages, at::ScalarType type) : case_(c) {
    constexpr std::int64_t kPage = cpu::kPageTokens;
    const std::int64_t padded = (c.head_dim + 15) / 16 * 16;
    keys_ = at::full({pages, c.kv_heads, c.head_dim, kPage}, std::nanf(""), type);
    values_ = at::full({pages, c.kv_heads, kPage, padded}, std::nanf(""), type);
    for (std::int64_t i = 0; i < pages; ++i) {
      free_.push_back(static_cast<std::int32_t>(i * 7 % pages));  // 7 and `pages` have no divisor
    }
  }

  // Attention of the next counts[s] tokens of each sequence: qkv[s] holds all of its tokens.
  Tensors attend(const Kernels& kernels, const Tensors& qkv,
                 const std::vector<std::int64_t>& counts) {
    std::vector<std::int32_t> offsets{0}, starts;
    std::int64_t most = 1;
    lengths_.resize(qkv.size());
    pages_.resize(qkv.size());
    Tensors rows;
    for (std::size_t s = 0; s < qkv.size(); ++s) {
      rows.push_back(qkv[s].narrow(0, lengths_[s], counts[s]));
      offsets.push_back(offsets.back() + static_cast<std::int32_t>(counts[s]));
      starts.push_back(static_cast<std::int32_t>(lengths_[s]));
      lengths_[s] += counts[s];
      while (std::ssize(pages_[s]) * cpu::kPageTokens < lengths_[s]) {
        pages_[s].push_back(free_.back());
        free_.pop_back();
      }
      most = std::max(most, std::ssize(pages_[s]));
    }
    Tensor table = at::full({std::ssize(qkv), most}, 0, at::kInt);
    for (std::size_t s = 0; s < qkv.size(); ++s) {
      std::copy(pages_[s].begin(), pages_[s].end(),
                table.data_ptr<std::int32_t>() + static_cast<std::int64_t>(s) * most);
    }
    const CachedAttentionShape shape{
        case_.heads, case_.kv_heads, case_.head_dim, case_.window,
        static_cast<float>(1 / std::sqrt(static_cast<double>(case_.head_dim)))};
    const CachedSequences sequences{at::tensor(offsets, at::kInt), at::tensor(starts, at::kInt),
                                    table};
    const Tensor all = at::cat(rows);
    Tensor out = at::empty({all.size(0), case_.heads * case_.head_dim}, all.options());
    kernels.attention_cached(shape, all, sequences, keys_, values_, out);
    Tensors each;
    for (std::size_t s = 0; s < qkv.size(); ++s) {
      each.push_back(out.narrow(0, offsets[s], counts[s]).clone());
    }
    return each;
  }

 private:
  Case case_;
  Tensor keys_, values_;
  std::vector<std::int32_t> free_;
  std::vector<std::int64_t> lengths_;
  std::vector<std::vector<std::int32_t>> pages_;
};

std::int64_t width(const Case& c) {
  return (c.heads + 2 * c.kv_heads) * c.head_dim;
}

std::vector<Case> cases() {
  std::vector<Case> list{{4, 2, 24, 0}, {3, 3, 64, 0}, {4, 1, 16, 9}, {8, 2, 128, 300}};
  for (const std::int64_t head_dim : {1, 15, 31, 80}) list.push_back({2, 1, head_dim, 0});
  list.push_back({30, 1, 8, 0});  // more heads of a group than a block has rows
  return list;
}

}  // namespace

TEST_CASE("attention by pages is that of the whole text, in every table") {
  at::manual_seed(kSeed);
  for (const Case& c : cases()) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      const Tensors texts{normal({300, width(c)}, type), normal({1, width(c)}, type),
                          normal({65, width(c)}, type)};
      Tensors want;
      for (const Tensor& text : texts) {
        Tensor out = at::empty({text.size(0), c.heads * c.head_dim}, type);
        Tensor lse = at::empty({1, c.heads, text.size(0)});
        const AttentionShape shape{
            1,
            text.size(0),
            c.heads,
            c.kv_heads,
            c.head_dim,
            c.window,
            static_cast<float>(1 / std::sqrt(static_cast<double>(c.head_dim))),
            {}};
        aten_kernels().attention(shape, text, {}, out, lse);
        want.push_back(out);
      }
      with_each_table([&](const Kernels& kernels) {
        Cache cache(c, 11, type);
        const Tensors got = cache.attend(kernels, texts, {300, 1, 65});
        for (std::size_t s = 0; s < texts.size(); ++s) {
          CAPTURE(kSeed, at::toString(type), c.heads, c.kv_heads, c.head_dim, c.window, s);
          CHECK(difference(got[s], want[s]) <= 2 * tolerance(type));
        }
      });
    }
  }
}

TEST_CASE("on a CPU a token's attention is the same bits however its text is cut and computed") {
  at::manual_seed(kSeed);
  for (const Case& c : cases()) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      const Tensor text = normal({700, width(c)}, type), other = normal({300, width(c)}, type);
      with_each_table([&](const Kernels& kernels) {
        if (std::string_view(kernels.name) == "aten") return;
        CAPTURE(kSeed, at::toString(type), c.heads, c.kv_heads, c.head_dim, c.window);
        Cache whole(c, 17, type);
        const Tensor want = whole.attend(kernels, {text}, {700}).front();
        // In pieces, next to another text, and with one thread.
        const int threads = omp_get_max_threads();
        for (const int count : {threads, 1}) {
          omp_set_num_threads(count);
          Cache cache(c, 17, type);
          std::int64_t done = 0;
          for (const std::int64_t size : {1, 70, 2, 200, 1, 3, 257, 1, 165}) {
            const Tensor got =
                cache.attend(kernels, {text, other}, {size, done == 0 ? 40 : 1}).front();
            CHECK(got.equal(want.narrow(0, done, size)));
            done += size;
          }
          CHECK(done == 700);
        }
        omp_set_num_threads(threads);
      });
    }
  }
}

}  // namespace llmops::tensor
