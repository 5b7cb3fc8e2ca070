#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "tests/unit/tensor/kernels/check.h"

namespace llmops::tensor {

namespace {

constexpr std::uint64_t kSeed = 52;

struct Case {
  std::int64_t batch, length, heads, kv_heads, head_dim, window;
  bool packed;
  double dropout;
};

// Where each token's document starts: a new one about every sixth token.
Tensor starts(const Case& c) {
  Random random(kSeed, RandomStream::kSynthetic);
  Tensor segments = at::empty({c.batch, c.length}, at::kInt);
  for (std::int64_t b = 0; b < c.batch; ++b) {
    std::int32_t start = 0;
    for (std::int64_t t = 0; t < c.length; ++t) {
      if (random.below(6) == 0) start = static_cast<std::int32_t>(t);
      segments.data_ptr<std::int32_t>()[b * c.length + t] = start;
    }
  }
  return segments;
}

void check(const Case& c, at::ScalarType type) {
  CAPTURE(kSeed, at::toString(type), c.batch, c.length, c.heads, c.kv_heads, c.head_dim, c.window,
          c.packed, c.dropout);
  const std::int64_t rows = c.batch * c.length, width = (c.heads + 2 * c.kv_heads) * c.head_dim;
  const AttentionShape shape{c.batch,
                             c.length,
                             c.heads,
                             c.kv_heads,
                             c.head_dim,
                             c.window,
                             static_cast<float>(1 / std::sqrt(static_cast<double>(c.head_dim))),
                             {c.dropout, kSeed, 2, 3, 7}};
  const Tensor qkv = normal({rows, width}, type);
  const Tensor dout = normal({rows, c.heads * c.head_dim}, type);
  const Tensor segments = c.packed ? starts(c) : Tensor();
  // Gradients of bfloat16 sum products that were rounded on the way.
  check_tables(2 * tolerance(type), [&](const Kernels& kernels) {
    Tensor out = at::empty({rows, c.heads * c.head_dim}, type);
    Tensor lse = at::empty({c.batch, c.heads, c.length}), dqkv = at::empty_like(qkv);
    kernels.attention(shape, qkv, segments, out, lse);
    kernels.attention_backward(shape, qkv, segments, out, lse, dout, dqkv);
    return Tensors{out, lse, dqkv};
  });
}

}  // namespace

TEST_CASE("attention and its gradients are equal in every table") {
  at::manual_seed(kSeed);
  std::vector<Case> cases;
  for (const std::int64_t length : {1, 2, 7, 16, 17, 33, 65, 130}) {
    cases.push_back({2, length, 4, 2, 24, 0, false, 0});
    cases.push_back({3, length, 2, 2, 8, 0, true, 0});
    cases.push_back({1, length, 3, 1, 10, 5, false, 0.2});
    cases.push_back({2, length, 4, 4, 64, 9, true, 0.1});
  }
  for (const std::int64_t head_dim : {1, 2, 15, 16, 31, 80, 128, 256}) {
    cases.push_back({2, 37, 2, 1, head_dim, 0, true, 0});
  }
  for (const std::int64_t window : {1, 2, 36, 37, 38, 1000}) {
    cases.push_back({2, 37, 2, 2, 16, window, false, 0});
  }
  cases.push_back({1, 300, 2, 1, 32, 0, false, 0});  // more than one block of keys
  cases.push_back({1, 300, 2, 1, 32, 70, true, 0.1});
  for (const Case& c : cases) {
    check(c, at::kFloat);
    check(c, at::kBFloat16);
  }
}

TEST_CASE("a query sees no key after it, before its document or outside its window") {
  at::manual_seed(kSeed);
  const Case c{1, 20, 2, 2, 8, 6, true, 0};
  const Tensor segments = starts(c), qkv = normal({20, 48});
  const AttentionShape shape{1, 20, 2, 2, 8, 6, 0.3f, {}};
  with_each_table([&](const Kernels& kernels) {
    const auto outputs = [&](const Tensor& input) {
      Tensor out = at::empty({20, 16}), lse = at::empty({1, 2, 20});
      kernels.attention(shape, input, segments, out, lse);
      return out;
    };
    const Tensor before = outputs(qkv);
    for (std::int64_t key = 0; key < 20; ++key) {
      Tensor changed = qkv.clone();
      changed.select(0, key).narrow(0, 16, 32).add_(1);  // its k and v
      const Tensor after = outputs(changed);
      for (std::int64_t query = 0; query < 20; ++query) {
        const std::int64_t first =
            std::max<std::int64_t>(segments.data_ptr<std::int32_t>()[query], query - 5);
        CAPTURE(kSeed, key, query);
        const bool sees = first <= key && key <= query;
        CHECK(after.select(0, query).equal(before.select(0, query)) == !sees);
      }
    }
  });
}

TEST_CASE("large scores neither overflow nor lose the largest") {
  at::manual_seed(kSeed);
  const Tensor qkv = normal({33, 48}).mul(100), dout = normal({33, 16});
  const AttentionShape shape{1, 33, 2, 2, 8, 0, 1.0f, {}};
  check_tables(1e-4, [&](const Kernels& kernels) {
    Tensor out = at::empty({33, 16}), lse = at::empty({1, 2, 33});
    kernels.attention(shape, qkv, {}, out, lse);
    return Tensors{out, lse};
  });
}

}  // namespace llmops::tensor
