#include <algorithm>
#include <map>

#include "base/json.h"
#include "base/random.h"
#include "data/dataset.h"
#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/unit/data/scratch.h"
#include "tokenizer/unicode.h"

namespace llmops::data {

namespace {

std::string decoded(const tokenizer::Tokenizer& tokenizer, std::span<const std::int32_t> ids) {
  return tokenizer.decode(ids);
}

// The supervised targets of a whole pass, in order.
std::vector<std::int32_t> all_targets(const BatchSource& batches, std::int64_t epoch = 0) {
  std::vector<std::int32_t> targets;
  Batch batch;
  batches.read(epoch * batches.rows_per_epoch(), batches.rows_per_epoch(), batch);
  for (const std::int32_t id : batch.targets) {
    if (id != kIgnore) targets.push_back(id);
  }
  return targets;
}

}  // namespace

TEST_CASE("a text file is split by characters and its tail evaluated in order") {
  Scratch scratch;
  const std::string text =
      "zyx\n\xC3\xA9"
      "EDCBA98765432100123456789ABCDE\xC3\xA9\nxyz";
  recipe::Recipe recipe = scratch.recipe({source(scratch.write("a.txt", text))});
  recipe.tokenizer.type = recipe::TokenizerType::kChar;
  recipe.data.eval_split = 0.5;
  recipe.data.max_seq_length = 4;
  const auto dataset = prepare(recipe);
  // 40 characters: 20 train, 20 are evaluated.
  REQUIRE(dataset->train_counts()[0].tokens == 20);
  REQUIRE(dataset->eval_counts()[0].tokens == 20);
  const auto eval = dataset->eval_batches();
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
  const auto batches = dataset->train_batches();
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
  recipe.data.packing = recipe::Packing::kDocuments;
  recipe.data.eval_split = 0.1;
  const auto dataset = prepare(recipe);
  CHECK(dataset->train_counts()[0].documents == 45);
  CHECK(dataset->eval_counts()[0].documents == 5);
  CHECK(static_cast<std::int64_t>(all_targets(*dataset->train_batches()).size()) ==
        dataset->train_counts()[0].tokens);
  CHECK(static_cast<std::int64_t>(all_targets(*dataset->eval_batches()).size()) ==
        dataset->eval_counts()[0].tokens);
}

TEST_CASE("the tail that is kept for evaluation is all the rest, and nothing learns from it") {
  Scratch scratch;
  // All characters are in the first document.
  std::vector<std::string> documents(1);
  for (char c = ' '; c <= '~'; ++c) documents[0] += c;
  documents[0] += '\n';
  for (const std::string& story : documents_of(synth_source("stories", 40))) {
    documents.push_back(story);
  }
  const bool one_text = GENERATE(true, false);
  const std::string type = GENERATE(as<std::string>{}, "char", "byte", "bpe");
  const double share = GENERATE(0.05, 0.5, 0.9);
  CAPTURE(one_text, type, share);
  std::string whole;
  for (const std::string& document : documents) whole += document;
  const std::size_t all = one_text ? whole.size() : documents.size();
  const auto kept = static_cast<std::size_t>(static_cast<double>(all) * (1 - share));
  std::size_t cut = one_text ? kept : 0;
  for (std::size_t i = 0; !one_text && i < kept; ++i) cut += documents[i].size();

  const auto recipe_for = [&](const std::string& name, std::string_view text) {
    recipe::Recipe recipe = scratch.recipe({source(scratch.write(name, text))});
    recipe.data.train[0].document = one_text ? "file" : "line";
    recipe.data.append_eos = false;
    recipe.tokenizer.type = find_enum<recipe::TokenizerType>(type).value();
    recipe.tokenizer.vocab_size = 300;
    return recipe;
  };
  recipe::Recipe recipe = recipe_for("whole.txt", whole);
  recipe.data.eval_split = share;
  const auto dataset = prepare(recipe);
  const auto head = prepare(recipe_for("head.txt", std::string_view(whole).substr(0, cut)));
  const auto& tokenizer = dataset->tokenizer();
  CHECK(dataset->train_counts()[0].tokens == head->train_counts()[0].tokens);
  CHECK(dataset->train_counts()[0].bytes == static_cast<std::int64_t>(cut));
  CHECK(tokenizer.digest() == head->tokenizer().digest());
  std::vector<std::int32_t> tail, seen = all_targets(*dataset->eval_batches());
  tokenizer.encode(std::string_view(whole).substr(cut), tail);
  CHECK(seen == std::vector(tail.begin() + 1, tail.end()));
  CHECK(dataset->eval_counts()[0].tokens == std::ssize(tail));
}

TEST_CASE("a split that leaves a part empty is refused") {
  Scratch scratch;
  recipe::Recipe recipe = scratch.recipe({source(scratch.write("a.txt", "abc"))});
  recipe.data.eval_split = 0.9;
  CHECK_THAT(error_text([&] { prepare(recipe); }),
             ContainsSubstring("data.eval_split 0.9 of 3 characters leaves one part empty"));
  recipe.data.train[0].path = scratch.write("b.txt", "a\nb\n");
  recipe.data.train[0].document = "line";
  CHECK_THAT(error_text([&] { prepare(recipe); }),
             ContainsSubstring("data.eval_split 0.9 of 2 documents leaves one part empty"));
}

TEST_CASE("text cut for the threads gives the tokens of the whole, and is split where asked") {
  Scratch scratch;
  std::string words, letters;
  for (const std::string& story : documents_of(synth_source("stories", 12'000))) words += story;
  // No white space to cut at.
  Random random(1, RandomStream::kSynthetic);
  while (letters.size() < std::size_t{5} << 19) {
    letters += random.below(4) == 0 ? "\xC3\xA9" : std::string(1, "abcdefgh"[random.below(8)]);
  }
  for (const std::string& text : {words, letters}) {
    REQUIRE(text.size() > std::size_t{2} << 20);
    // One piece of text of several chunks, and many pieces.
    for (const std::string& name : {std::string("a.jsonl"), std::string("a.txt")}) {
      CAPTURE(name);
      const std::string content =
          name == "a.txt" ? text : Json::object().set("text", text).dump() + "\n";
      recipe::Recipe recipe = scratch.recipe({source(scratch.write(name, content))});
      recipe.tokenizer.type = recipe::TokenizerType::kBpe;
      recipe.tokenizer.vocab_size = 300;
      recipe.data.append_eos = false;
      recipe.data.eval_split = 0.5;
      recipe.data.max_seq_length = 1 << 16;
      const auto dataset = prepare(recipe);
      const auto characters = static_cast<std::int64_t>(tokenizer::count_code_points(text) / 2);
      const std::size_t cut = tokenizer::code_point_offset(text, characters);
      std::vector<std::int32_t> train, tail;
      dataset->tokenizer().encode(std::string_view(text).substr(0, cut), train);
      dataset->tokenizer().encode(std::string_view(text).substr(cut), tail);
      CHECK(dataset->train_counts()[0].tokens == std::ssize(train));
      const auto seen = all_targets(*dataset->eval_batches());
      CHECK(seen == std::vector(tail.begin() + 1, tail.end()));
    }
  }
}

TEST_CASE("text that the tokenizer cannot express is refused and its source named") {
  Scratch scratch;
  const auto tokenizer = tokenizer::make_char_tokenizer("\nabc");
  const auto refused = [&](const std::string& name, std::string_view text, const char* kind) {
    recipe::Source data = source(scratch.write(name, text));
    data.document = kind;
    std::string message = error_text([&] { open_eval_file(data, *tokenizer, {4}); });
    return message.substr(0, message.find(';'));
  };
  const std::string d = "character U+0064 'd' is not in the vocabulary";
  const std::string a = "usage: " + scratch.path("a.txt") + ": ";
  CHECK(refused("a.txt", "abc\nabd\nd", "file") == a + "document 1, line 2: " + d);
  CHECK(refused("a.txt", "abc\n\nab\na\u00e9", "paragraph") ==
        a + "document 2, line 2: character U+00E9 '\u00e9' is not in the vocabulary");
  // Beyond the first chunk of a megabyte.
  const std::string many(std::size_t{1} << 20, '\n');
  CHECK(refused("a.txt", many + many + "d", "file") == a + "document 1, line 2097153: " + d);
  std::string lines;
  for (int i = 0; i < 100'000; ++i) lines += "aaaaaaaaaaaaaaa\n";
  CHECK(refused("a.txt", lines + "d", "line") == a + "document 100001, line 1: " + d);
}

TEST_CASE("a tokenizer is trained on the training text alone") {
  Scratch scratch;
  std::string text = "aaaa bbbb aaaa bbbb";
  recipe::Recipe recipe = scratch.recipe({source(scratch.write("a.txt", text))});
  recipe.tokenizer.type = GENERATE(recipe::TokenizerType::kChar, recipe::TokenizerType::kBpe);
  recipe.tokenizer.vocab_size = 400;
  const std::string digest = prepare(recipe)->tokenizer().digest();
  CAPTURE(enum_name(recipe.tokenizer.type));
  SECTION("not the eval source") {
    recipe.data.eval = {source(scratch.write("b.txt", "ab baab"))};
  }
  SECTION("not the tail") {
    recipe.data.train[0].path = scratch.write("b.txt", text + " abababababababab a");
    recipe.data.eval_split = 0.5;
  }
  SECTION("not the last documents") {
    recipe.data.train[0].path =
        scratch.write("b.jsonl", Json().set("text", text).dump() + "\n{\"text\":\"abab abab\"}\n");
    recipe.data.eval_split = 0.5;
  }
  CHECK(prepare(recipe)->tokenizer().digest() == digest);
}

TEST_CASE("evaluation text with a character that the training text lacks is refused, as a leak") {
  Scratch scratch;
  recipe::Recipe recipe = scratch.recipe({source(scratch.write("a.txt", "abababab"))});
  recipe.tokenizer.type = recipe::TokenizerType::kChar;
  std::string place;
  SECTION("in an eval source") {
    recipe.data.eval = {source(scratch.write("b.txt", "ab\nc"))};
    place = scratch.path("b.txt") + ": document 1, line 1: character U+000A";
  }
  SECTION("in the tail") {
    scratch.write("a.txt", "abababac");
    recipe.data.eval_split = 0.5;
    place = scratch.path("a.txt") + ": document 1, line 1: character U+0063 'c'";
  }
  CHECK_THAT(error_text([&] { prepare(recipe); }), ContainsSubstring(place));
}

}  // namespace llmops::data
