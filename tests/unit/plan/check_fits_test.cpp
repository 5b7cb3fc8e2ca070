#include "base/error.h"
#include "base/text.h"
#include "models.h"
#include "tests/catch.h"
#include "tests/errors.h"

namespace llmops::plan {
namespace {

struct Case {
  recipe::Recipe recipe = recipe_of(16, 512);
  arch::TransformerConfig config = gpt2(12, 512);
  Machine machine_ = machine(1);

  Plan plan() const { return make_plan(recipe, config, 100, 819200, machine_); }
  std::int64_t bytes_with(std::int64_t micro, Recompute mode) const {
    Case other = *this;
    other.recipe.train.micro_batch_size = micro;
    other.recipe.train.gradient_checkpointing = mode;
    return other.plan().memory_bytes();
  }
  std::string error() const {
    return error_text([&] { check_fits(plan(), recipe, config, machine_); });
  }
};

std::string text(std::int64_t bytes) {
  return format_bytes(static_cast<double>(bytes));
}

TEST_CASE("what fits passes, to the byte") {
  Case c;
  c.machine_.available_memory = c.plan().memory_bytes();
  CHECK(c.error().empty());
  c.machine_.available_memory -= 1;
  CHECK_FALSE(c.error().empty());
  c.machine_.available_memory = 0;  // unknown
  CHECK(c.error().empty());
}

TEST_CASE("the largest micro batch that fits is named, with the same global batch") {
  Case c;
  c.machine_.available_memory = c.bytes_with(4, Recompute::kOff);
  CHECK(c.error() == "out_of_memory: training needs " + text(c.plan().memory_bytes()) + ", " +
                         text(c.machine_.available_memory) +
                         " are available; set train.micro_batch_size=4 "
                         "train.gradient_accumulation_steps=4 (" +
                         text(c.bytes_with(4, Recompute::kOff)) + ")");
  c.recipe.train.global_batch_size = 48;
  CHECK_THAT(c.error(), ContainsSubstring("set train.micro_batch_size=4 ("));
}

TEST_CASE("a micro batch that does not divide the global batch is not named") {
  Case c;
  c.recipe.train.micro_batch_size = 15;
  c.machine_.available_memory = c.bytes_with(4, Recompute::kOff);
  CHECK_THAT(c.error(), ContainsSubstring("train.micro_batch_size=3 "
                                          "train.gradient_accumulation_steps=5"));
}

TEST_CASE("recomputation is named when no batch fits without it") {
  Case c;
  c.recipe.train.micro_batch_size = 1;
  c.machine_.available_memory = c.bytes_with(1, Recompute::kSelective);
  CHECK_THAT(c.error(), ContainsSubstring("set train.gradient_checkpointing=selective (") &&
                            ContainsSubstring(text(c.bytes_with(1, Recompute::kSelective))));
  c.machine_.available_memory -= 1;
  CHECK_THAT(c.error(), ContainsSubstring("set train.gradient_checkpointing=full ("));
  c.recipe.train.gradient_checkpointing = Recompute::kSelective;
  CHECK_THAT(c.error(), ContainsSubstring("set train.gradient_checkpointing=full ("));
}

TEST_CASE("both are named when only both fit") {
  Case c;
  c.machine_.available_memory = c.bytes_with(1, Recompute::kFull) + 1000;
  CHECK_THAT(c.error(), ContainsSubstring("set train.gradient_checkpointing=full "
                                          "train.micro_batch_size=1 "));
}

TEST_CASE("a model that fits in no way is told so") {
  Case c;
  c.machine_.available_memory = c.bytes_with(1, Recompute::kFull) - 1;
  CHECK_THAT(c.error(), ContainsSubstring("no batch size and no recomputation fits"));
  CHECK(error_of([&] { check_fits(c.plan(), c.recipe, c.config, c.machine_); })->code() ==
        ExitCode::kOutOfMemory);
}

}  // namespace
}  // namespace llmops::plan
