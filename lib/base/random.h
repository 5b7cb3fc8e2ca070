#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace llmops {

// Counter-based randomness: every number is a function of a key (seed, stream) and a position, so
// a resumed run needs no generator state. Philox4x32-10, Salmon et al., "Parallel random numbers:
// as easy as 1, 2, 3" (SC'11).
std::array<std::uint32_t, 4> philox(std::uint64_t key, std::uint64_t counter_low,
                                    std::uint64_t counter_high);

// Streams keep the uses of one seed apart.
enum class RandomStream : std::uint32_t {
  kInit = 1,
  kDropout = 2,
  kDataOrder = 3,
  kSampling = 4,
  kSynthetic = 5,

};

// A sequence of draws at one (seed, stream, a, b). The caller chooses a and b, such as step and
// layer or epoch and index.
class Random {
 public:
  Random(std::uint64_t seed, RandomStream stream, std::uint64_t a = 0, std::uint64_t b = 0);

  std::uint32_t next_u32();
  std::uint64_t next_u64();
  double uniform();                          // [0, 1), 53 bits
  std::uint64_t below(std::uint64_t bound);  // [0, bound), unbiased
  double normal();                           // Box-Muller

 private:
  std::uint64_t key_, high_, counter_ = 0;
  std::array<std::uint32_t, 4> block_{};
  int used_ = 4;
};

// Returns element i of a pseudo-random permutation of [0, n): a four-round Feistel network over the
// next power of four with cycle walking. O(1) memory, so an epoch's order needs no stored shuffle.
std::uint64_t permute(std::uint64_t i, std::uint64_t n, std::uint64_t seed, std::uint64_t epoch);

}  // namespace llmops
