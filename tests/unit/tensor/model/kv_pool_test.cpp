#include "tensor/model/kv_pool.h"

#include <ATen/TensorOperators.h>

#include <set>

#include "plan/buffers.h"
#include "tests/catch.h"
#include "tests/unit/tensor/model/models.h"

namespace llmops::tensor {

namespace {

constexpr std::int64_t kPage = plan::kPageTokens;

KvPool pool_of(std::int64_t pages, KvPool::Lifetime lifetime = KvPool::Lifetime::kSequence) {
  return {every_shape().front().config, lifetime, pages, at::kFloat};
}

}  // namespace

TEST_CASE("a sequence takes whole pages and gives them back") {
  KvPool pool = pool_of(5);
  {
    const Pages one(pool, 1), two(pool, kPage + 1);
    CHECK(pool.free() == 2);
    CHECK(one.capacity() == kPage);
    CHECK(two.capacity() == 2 * kPage);
    std::set<std::int32_t> all(one.list().begin(), one.list().end());
    all.insert(two.list().begin(), two.list().end());
    CHECK(all.size() == 3);
  }
  CHECK(pool.free() == 5);
}

TEST_CASE("continuations share the full pages of a prefix and have a copy of its last one") {
  KvPool pool = pool_of(8);
  const std::int64_t length = 2 * kPage + 3;
  Pages prefix(pool, length);
  Pages spare(pool, 3 * kPage);
  const auto fill = [&](std::int32_t page, float value) {
    pool.keys(1).select(0, page).fill_(value);
    pool.values(1).select(0, page).fill_(value);
  };
  fill(prefix.list()[2], 7);
  {
    Pages first(prefix, length, length + 1, spare), second(prefix, length, length + kPage, spare);
    CHECK(spare.list().empty());
    CHECK(first.list()[0] == prefix.list()[0]);
    CHECK(second.list()[1] == prefix.list()[1]);
    CHECK(first.list()[2] != prefix.list()[2]);
    CHECK(second.list().size() == 4);
    fill(prefix.list()[2], 9);
    CHECK(pool.keys(1).select(0, first.list()[2]).eq(7).all().item<bool>());
    CHECK(pool.values(1).select(0, second.list()[2]).eq(7).all().item<bool>());
    // Its pages stay while others read them.
    prefix = Pages();
    CHECK(pool.free() == 8 - 2 - 3);
  }
  CHECK(pool.free() == 8);
}

TEST_CASE("of whole sequences all layers use the same memory") {
  KvPool kept = pool_of(2), passing = pool_of(2, KvPool::Lifetime::kPass);
  CHECK_FALSE(kept.keys(0).is_same(kept.keys(1)));
  CHECK(passing.keys(0).is_same(passing.keys(1)));
}

}  // namespace llmops::tensor
