#include "base/random.h"

#include <vector>

#include "tests/catch.h"

namespace llmops {

// kat_vectors of Random123 (philox4x32, 10 rounds): all zeros and all ones.
TEST_CASE("philox gives the published vectors") {
  CHECK(philox(0, 0, 0) ==
        std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox(~0ull, ~0ull, ~0ull) ==
        std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
}

TEST_CASE("draws are a function of their coordinates") {
  Random first(1, RandomStream::kInit, 2, 3), same(1, RandomStream::kInit, 2, 3);
  Random other(1, RandomStream::kDropout, 2, 3);
  const std::uint64_t value = first.next_u64();
  CHECK(value == same.next_u64());
  CHECK(value != other.next_u64());
}

TEST_CASE("uniform and normal draws have the moments they should") {
  Random random(42, RandomStream::kInit);
  constexpr int kDraws = 100000;
  double sum = 0, normal_sum = 0, normal_squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double u = random.uniform();
    REQUIRE((u >= 0 && u < 1));
    sum += u;
    const double n = random.normal();
    normal_sum += n;
    normal_squares += n * n;
  }
  // Six standard errors.
  CHECK(sum / kDraws == Approx(0.5).margin(6 * 0.2887 / 316));
  CHECK(normal_sum / kDraws == Approx(0.0).margin(6.0 / 316));
  CHECK(normal_squares / kDraws == Approx(1.0).margin(6 * 1.4142 / 316));
}

TEST_CASE("below() stays below and reaches every value") {
  Random random(3, RandomStream::kSampling);
  std::vector<int> seen(7);
  for (int i = 0; i < 7000; ++i) ++seen.at(random.below(7));
  for (const int count : seen) CHECK(count > 800);
  CHECK(random.below(1) == 0);
}

TEST_CASE("permute() is a permutation for every size") {
  for (const std::uint64_t n : {1u, 2u, 3u, 4u, 5u, 16u, 17u, 1000u}) {
    std::vector<bool> hit(n);
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::uint64_t to = permute(i, n, 9, 1);
      REQUIRE(to < n);
      CHECK_FALSE(hit[to]);
      hit[to] = true;
    }
  }
  int moved = 0;
  for (std::uint64_t i = 0; i < 100; ++i) moved += permute(i, 100, 9, 1) != permute(i, 100, 9, 2);
  CHECK(moved > 80);
}

}  // namespace llmops
