#include <algorithm>

#include "base/random.h"
#include "data/batch.h"
#include "data/rows.h"

namespace llmops::data {

namespace {

class StreamRows : public Rows {
 public:
  StreamRows(TokenView tokens, std::int64_t length, std::uint64_t seed)
      : tokens_(tokens), length_(length), seed_(seed) {}

  std::int64_t count() const override { return (tokens_.size + length_ - 1) / length_; }
  std::int64_t targets() const override { return tokens_.size; }

  void read(std::int64_t row, std::uint64_t pass, const Row& out) const override {
    Random random(seed_, RandomStream::kDataOrder, pass);
    const auto offset =
        static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(tokens_.size)));
    const std::int64_t begin = offset + row * length_;
    const std::int64_t used = std::min(length_, tokens_.size - row * length_);
    std::vector<tokenizer::TokenId> ids(out.inputs.size() + 1);
    copy_ring(begin, ids);
    std::copy_n(ids.begin(), length_, out.inputs.begin());
    std::copy_n(ids.begin() + 1, used, out.targets.begin());
  }

 private:
  void copy_ring(std::int64_t from, std::span<std::int32_t> out) const {
    for (from %= tokens_.size; !out.empty(); from = 0) {
      const auto run = std::min(out.size(), static_cast<std::size_t>(tokens_.size - from));
      tokens_.copy(from, out.first(run));
      out = out.subspan(run);
    }
  }

  TokenView tokens_;
  std::int64_t length_;
  std::uint64_t seed_;
};

class EvalStreamRows : public Rows {
 public:
  EvalStreamRows(TokenView tokens, std::int64_t length) : tokens_(tokens), length_(length) {}

  std::int64_t count() const override { return (targets() + length_ - 1) / length_; }
  std::int64_t targets() const override { return std::max<std::int64_t>(tokens_.size - 1, 0); }
  std::int64_t first_target(std::int64_t row) const override { return row * length_ + 1; }

  void read(std::int64_t row, std::uint64_t, const Row& out) const override {
    const std::int64_t begin = row * length_;
    const std::int64_t used = std::min(length_, targets() - begin);
    std::vector<tokenizer::TokenId> ids(static_cast<std::size_t>(used) + 1);
    tokens_.copy(begin, ids);
    std::copy_n(ids.begin(), used, out.inputs.begin());
    std::copy_n(ids.begin() + 1, used, out.targets.begin());
  }

 private:
  TokenView tokens_;
  std::int64_t length_;
};

}  // namespace

std::unique_ptr<Rows> stream_rows(TokenView tokens, std::int64_t length, std::uint64_t seed) {
  return std::make_unique<StreamRows>(tokens, length, seed);
}

std::unique_ptr<Rows> eval_stream_rows(TokenView tokens, std::int64_t length) {
  return std::make_unique<EvalStreamRows>(tokens, length);
}

}  // namespace llmops::data
