#include <algorithm>
#include <map>

#include "data/dataset.h"
#include "tests/catch.h"
#include "tests/unit/data/scratch.h"

namespace llmops::data {

namespace {

std::string decoded(const text::Tokenizer& tokenizer, std::span<const std::int32_t> ids) {
  return tokenizer.decode(ids);
}

// The supervised targets of a whole pass, in order.
std::vector<std::int32_t> all_targets(const BatchSource& batches, std::int64_t epoch = 0) {
  std::vector<std::int32_t> targets;
  Batch batch;
  for (std::int64_t i = 0; i < batches.batches_per_epoch(); ++i) {
    batches.read(epoch * batches.batches_per_epoch() + i, batch);
    for (const std::int32_t id : batch.targets) {
      if (id != kIgnore) targets.push_back(id);
    }
  }
  return targets;
}

}  // namespace

TEST_CASE("a text file is split by characters and its tail evaluated in order") {
  Scratch scratch;
  const std::string text = "0123456789abcdefghij0123456789ABCDE\xC3\xA9\nxyz";
  recipe::Recipe recipe = scratch.recipe({source(scratch.write("a.txt", text))});
  recipe.tokenizer.type = "char";
  recipe.data.eval_split = 0.5;
  recipe.data.max_seq_length = 4;
  const auto dataset = prepare(recipe);
  // 40 characters: 20 train, 20 are evaluated.
  REQUIRE(dataset->train_counts()[0].tokens == 20);
  REQUIRE(dataset->eval_counts()[0].tokens == 20);
  const auto eval = dataset->eval_batches(2);
  CHECK(eval->tokens_per_epoch() == 19);
  CHECK(decoded(dataset->tokenizer(), all_targets(*eval)) == "123456789ABCDE\xC3\xA9\nxyz");
  CHECK(dataset->eval_row_start(1) == 5);
}

TEST_CASE("an epoch of the stream has every token as a target once") {
  Scratch scratch;
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>('a' + i * 7 % 26);
  recipe::Recipe recipe = scratch.recipe({source(scratch.write("a.txt", text))});
  recipe.data.append_eos = false;
  recipe.data.max_seq_length = 16;
  const auto dataset = prepare(recipe);
  const auto batches = dataset->train_batches(3, 0, 1);
  CHECK(batches->tokens_per_epoch() == 1000);
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    std::vector<std::int32_t> targets = all_targets(*batches, epoch);
    std::string seen = decoded(dataset->tokenizer(), targets);
    std::string wanted = text;
    std::sort(seen.begin(), seen.end());
    std::sort(wanted.begin(), wanted.end());
    CHECK(seen == wanted);
  }
}

TEST_CASE("generated stories become batches of byte tokens") {
  Scratch scratch;
  recipe::Source stories;
  stories.synth.emplace();
  stories.synth->documents = 50;
  recipe::Recipe recipe = scratch.recipe({stories});
  recipe.data.packing = "documents";
  recipe.data.eval_split = 0.1;
  const auto dataset = prepare(recipe);
  CHECK(dataset->train_counts()[0].documents == 45);
  CHECK(dataset->eval_counts()[0].documents == 5);
  CHECK(static_cast<std::int64_t>(all_targets(*dataset->train_batches(4, 0, 1)).size()) ==
        dataset->train_counts()[0].tokens);
  CHECK(static_cast<std::int64_t>(all_targets(*dataset->eval_batches(4)).size()) ==
        dataset->eval_counts()[0].tokens);
}

}  // namespace llmops::data
