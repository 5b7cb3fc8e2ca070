#include <zlib.h>

#include <functional>

#include "data/dataset.h"
#include "tests/catch.h"
#include "tests/unit/data/scratch.h"

namespace llmops::data {

namespace {

std::string stories(std::int64_t documents, const std::function<std::string(std::string)>& row) {
  std::string text;
  for (const std::string& story : documents_of(synth_source("stories", documents))) {
    text += row(story);
  }
  return text;
}

std::string write_gzip(const Scratch& scratch, std::string_view name, std::string_view text) {
  const std::string path = scratch.path(name);
  const gzFile file = ::gzopen(path.c_str(), "wb");
  REQUIRE(::gzwrite(file, text.data(), static_cast<unsigned>(text.size())) ==
          static_cast<int>(text.size()));
  REQUIRE(::gzclose(file) == Z_OK);
  return path;
}

// Estimated without the cache, against what it is. `tolerance`: of the tokens.
void check_close(const recipe::Recipe& recipe, double tolerance) {
  const DataEstimate guess = estimate(recipe);
  CHECK_FALSE(guess.exact);
  CHECK_FALSE(path_exists(recipe.data.cache_dir));
  const auto dataset = prepare(recipe);
  const DataEstimate exact = estimate(recipe);
  CHECK(exact.exact);
  const auto batches = dataset->train_batches();
  CHECK(exact.train_tokens == batches->tokens_per_epoch());
  CHECK(exact.train_windows == batches->rows_per_epoch());
  CHECK(exact.vocab_size == dataset->tokenizer().vocab_size());
  CHECK(exact.eval_tokens ==
        (dataset->has_eval() ? dataset->eval_batches()->tokens_per_epoch() : 0));
  const auto near = [&](std::int64_t value) {
    return Approx(static_cast<double>(value)).epsilon(tolerance).margin(2);
  };
  CHECK(static_cast<double>(guess.train_tokens) == near(exact.train_tokens));
  CHECK(static_cast<double>(guess.eval_tokens) == near(exact.eval_tokens));
  CHECK(static_cast<double>(guess.train_windows) == near(exact.train_windows));
  CHECK(guess.vocab_size == exact.vocab_size);
}

}  // namespace

TEST_CASE("small data is estimated as it is") {
  Scratch scratch;
  // Read whole, so nothing is sampled; rounding of rows and splits stays.
  double tolerance = 0.01;
  recipe::Recipe recipe = scratch.recipe({source(scratch.write("a.txt", std::string(9'000, 'a')))});
  SECTION("one text") {}
  SECTION("characters of more than a byte") {
    std::string text;
    for (int i = 0; i < 3000; ++i) text += "\xC3\xA9";
    recipe.data.train[0].path = scratch.write("b.txt", text);
    recipe.tokenizer.type = recipe::TokenizerType::kChar;
  }
  SECTION("with its tail for evaluation") {
    recipe.data.eval_split = 0.25;
  }
  SECTION("an eval source, weights") {
    recipe.data.eval = {source(scratch.write("b.txt", "some text"))};
    recipe.data.train.push_back(source(scratch.write("c.txt", std::string(7'000, 'c'))));
    recipe.data.train[0].weight = 2.0;
    recipe.data.train[1].weight = 0.5;
  }
  SECTION("short documents with end tokens") {
    recipe.data.train = {synth_source("arithmetic", 2000)};
    recipe.data.eval_split = 0.1;
    tolerance = 0.08;  // 200 documents, whose lengths spread by 30 %: four standard errors
  }
  SECTION("a field of json rows") {
    recipe.data.train[0].path = scratch.write("a.jsonl", stories(200, [](std::string story) {
                                                story.pop_back();
                                                return "{\"id\":\"" + std::string(300, 'x') +
                                                       "\",\"text\":\"" + story + "\"}\n";
                                              }));
  }
  SECTION("compressed") {
    recipe.data.train[0].path =
        write_gzip(scratch, "a.txt.gz", stories(1000, [](std::string story) { return story; }));
  }
  check_close(recipe, tolerance);
}

TEST_CASE("large data is estimated from its beginning") {
  Scratch scratch;
  // A block of 64 KiB read ahead, of a sample of 4 MiB of text, and in the case of gzip some more
  // within zlib.
  constexpr double kSampled = 0.05;
  const auto plain = [](std::string story) { return story; };
  recipe::Recipe recipe = scratch.recipe({source("")});
  recipe.data.eval_split = 0.1;
  recipe::Source& data = recipe.data.train[0];
  SECTION("lines") {
    data.path = scratch.write("a.txt", stories(40'000, plain));
    data.document = "line";
  }
  SECTION("json rows") {
    data.path =
        scratch.write("a.jsonl", stories(40'000, [](std::string story) {
                        story.pop_back();
                        return "{\"n\":[1,2,3,4,5,6,7,8,9,10],\"text\":\"" + story + "\"}\n";
                      }));
  }
  SECTION("compressed") {
    data.path = write_gzip(scratch, "a.txt.gz", stories(40'000, plain));
  }
  SECTION("a trained vocabulary") {
    data = synth_source("stories", 20'000);
    recipe.tokenizer.type = recipe::TokenizerType::kBpe;
    recipe.tokenizer.vocab_size = 400;
  }
  SECTION("generated") {
    data = synth_source("stories", 40'000);
  }
  check_close(recipe, kSampled);
}

TEST_CASE("an estimate has the tokenizer when nothing is left to learn") {
  Scratch scratch;
  recipe::Recipe recipe = scratch.recipe({source(scratch.write("a.txt", "some text"))});
  for (const char* type : {"byte", "char", "bpe"}) {
    CAPTURE(type);
    recipe.tokenizer.type = find_enum<recipe::TokenizerType>(type).value();
    recipe.tokenizer.vocab_size = 300;
    const bool fixed = recipe.tokenizer.type == recipe::TokenizerType::kByte;
    CHECK((estimate(recipe).tokenizer != nullptr) == fixed);
    const std::string digest = prepare(recipe)->tokenizer().digest();
    const DataEstimate exact = estimate(recipe);
    REQUIRE(exact.tokenizer);
    CHECK(exact.tokenizer->digest() == digest);
  }
}

TEST_CASE("an estimate falls back to a sample when a part of the cache is damaged") {
  Scratch scratch;
  recipe::Recipe recipe = scratch.recipe({source(scratch.write("a.txt", "some text"))});
  prepare(recipe);
  for (const std::string& name : list_directory(recipe.data.cache_dir)) {
    if (name.starts_with("tokens-")) scratch.write("cache/" + name, "");
  }
  CHECK_FALSE(estimate(recipe).exact);
}

}  // namespace llmops::data
