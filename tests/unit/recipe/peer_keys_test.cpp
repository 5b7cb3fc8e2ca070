#include "recipe/peer_keys.h"

#include <set>

#include "config/keys.h"
#include "recipe/recipe.h"
#include "tests/catch.h"

namespace llmops::recipe {

namespace {
std::set<std::string> our_keys() {
  Recipe defaults;
  std::set<std::string> names;
  for (const config::Key& key : config::keys(config::fields_of(defaults))) names.insert(key.path);
  return names;
}
}  // namespace

TEST_CASE("at least sixty names of other tools are known") {
  CHECK(peer_keys().size() >= 60);
}

TEST_CASE("every name leads to a key that exists, and none appears twice or is a key of a recipe") {
  const std::set<std::string> ours = our_keys();
  std::set<std::string_view> theirs;
  for (const PeerKey& key : peer_keys()) {
    INFO(key.theirs);
    CHECK(ours.contains(std::string(key.key)));
    CHECK_FALSE(ours.contains(std::string(key.theirs)));
    CHECK(theirs.insert(key.theirs).second);
  }
}

TEST_CASE("a name is found alone, in a section, and as a whole first") {
  CHECK(advise_on_key("per_device_train_batch_size") == "use train.micro_batch_size");
  CHECK(advise_on_key("train.batch_size") == "use train.micro_batch_size");
  CHECK(advise_on_key("optimizer.lr") == "use optimizer.learning_rate");
  CHECK(advise_on_key("eval.interval") == "use eval.eval_steps");
  CHECK_FALSE(advise_on_key("train.interval"));
  CHECK_FALSE(advise_on_key("nonsense"));
  CHECK(advise_on_key("resume_from_checkpoint") == "resume with llmops train --resume auto");
}

TEST_CASE("the names of the field's tools for the same setting have one answer") {
  for (const char* name :
       {"cutoff_len", "sequence_len", "block_size", "tokenizer.max_seq_len", "max_length"}) {
    CHECK(advise_on_key(name) == "use data.max_seq_length");
  }
  for (const char* name : {"num_train_epochs", "num_epochs"}) {
    CHECK(advise_on_key(name) == "use train.epochs");
  }
}

}  // namespace llmops::recipe
