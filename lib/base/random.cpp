#include "base/random.h"

#include "base/error.h"

namespace llmops {

std::array<std::uint32_t, 4> philox(std::uint64_t key, std::uint64_t low, std::uint64_t high) {
  std::uint32_t c0 = static_cast<std::uint32_t>(low), c1 = static_cast<std::uint32_t>(low >> 32);
  std::uint32_t c2 = static_cast<std::uint32_t>(high), c3 = static_cast<std::uint32_t>(high >> 32);
  std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c0;
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c2;
    const std::uint32_t n0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
    const std::uint32_t n2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<std::uint32_t>(p1);
    c3 = static_cast<std::uint32_t>(p0);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {c0, c1, c2, c3};
}

Random::Random(std::uint64_t seed, RandomStream stream, std::uint64_t a, std::uint64_t b) {
  // One philox block turns (seed, stream, a, b) into a key. Two coordinates share a key with
  // probability 2^-64.
  const auto mixed = philox(seed ^ (std::uint64_t{static_cast<std::uint32_t>(stream)} << 56), a, b);
  key_ = (std::uint64_t{mixed[1]} << 32) | mixed[0];
  high_ = (std::uint64_t{mixed[3]} << 32) | mixed[2];
}

std::uint32_t Random::next_u32() {
  if (used_ == 4) {
    block_ = philox(key_, counter_++, high_);
    used_ = 0;
  }
  return block_[static_cast<std::size_t>(used_++)];
}

std::uint64_t Random::next_u64() {
  const std::uint64_t low = next_u32();
  return (std::uint64_t{next_u32()} << 32) | low;
}

double Random::uniform() {
  return static_cast<double>(next_u64() >> 11) * 0x1.0p-53;
}

std::uint64_t Random::below(std::uint64_t bound) {
  LLMOPS_CHECK(bound > 0);
  // Lemire, "Fast random integer generation in an interval" (2019), 64-bit form.
  unsigned __int128 product = static_cast<unsigned __int128>(next_u64()) * bound;
  if (static_cast<std::uint64_t>(product) < bound) {
    const std::uint64_t floor = (0 - bound) % bound;
    while (static_cast<std::uint64_t>(product) < floor) {
      product = static_cast<unsigned __int128>(next_u64()) * bound;
    }
  }
  return static_cast<std::uint64_t>(product >> 64);
}

double Random::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(6.283185307179586476925 * uniform());
}

std::uint64_t permute(std::uint64_t i, std::uint64_t n, std::uint64_t seed, std::uint64_t epoch) {
  LLMOPS_CHECK(i < n);
  int half_bits = 1;
  while (half_bits < 32 && (std::uint64_t{1} << (2 * half_bits)) < n) ++half_bits;
  const std::uint64_t mask = (std::uint64_t{1} << half_bits) - 1;
  std::uint64_t value = i;
  do {
    std::uint64_t left = value >> half_bits, right = value & mask;
    for (std::uint64_t round = 0; round < 4; ++round) {
      const auto bits = philox(seed ^ 0x6f72646572ULL, right | (round << 40), epoch);
      const std::uint64_t next = left ^ (bits[0] & mask);
      left = right;
      right = next;
    }
    value = (left << half_bits) | right;
  } while (value >= n);
  return value;
}

}  // namespace llmops
