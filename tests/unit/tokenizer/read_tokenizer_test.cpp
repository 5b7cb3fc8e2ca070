#include <fmt/format.h>

#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/unit/tokenizer/texts.h"

namespace llmops::tokenizer {

namespace {

// The document with the value at "model.vocab" replaced or added.
Json with(Json document, std::string_view path, Json value) {
  const std::size_t dot = path.find('.');
  if (dot == std::string_view::npos) return document.set(path, std::move(value));
  const std::string_view key = path.substr(0, dot);
  Json inner = document.at(key);
  return document.set(key, with(std::move(inner), path.substr(dot + 1), std::move(value)));
}

Json without(Json document, std::string_view key) {
  std::erase_if(document.as_object(), [&](const Json::Member& m) { return m.first == key; });
  return document;
}

// A BPE of the end token, every byte and "ab" from one merge.
Json bpe(std::string_view path = "version", Json value = "1.0") {
  const std::string_view text = "ab";
  return with(train_bpe(std::span(&text, 1), 258)->to_json(), path, std::move(value));
}
Json bpe_vocab(std::string_view token, Json id) {
  Json json = bpe();
  return with(json, "model.vocab", Json(json.at("model").at("vocab")).set(token, std::move(id)));
}
Json bpe_without(std::string_view token) {
  const Json json = bpe();
  return with(json, "model.vocab", without(json.at("model").at("vocab"), token));
}
Json merges(std::string_view list) {
  return bpe("model.merges", parse_json(list, "merges"));
}
Json added(std::string_view list) {
  return bpe("added_tokens", parse_json(list, "added"));
}
Json chars(std::string_view path = "version", Json value = "1.0") {
  return with(make_char_tokenizer("abc")->to_json(), path, std::move(value));
}
Json char_vocab(std::string_view vocab) {
  return chars("model.vocab", parse_json(vocab, "vocab"));
}

std::string refusal(const Json& json) {
  return error_text([&] { read_tokenizer(json, "t.json"); });
}

struct Case {
  std::string what;
  Json json;
  std::string text;  // a part of the message
};

std::vector<Case> wrong_parts() {
  return {
      {"a list", Json::array(), "not a JSON object"},
      {"no model", without(bpe(), "model"), "missing key \"model\""},
      {"a model of text", bpe("model", "BPE"), "model ?"},
      {"another model", bpe("model.type", "Unigram"), "model Unigram is not supported"},
      {"a model type that is a number", bpe("model.type", 3), "model ?"},
      {"escapes in a type", bpe("model.type", "\x1b[31m"), "model \\x1b[31m is not supported"},
      {"a line end in a type", bpe("pre_tokenizer.type", "a\nb"), "pre_tokenizer a\\x0ab"},
      {"a normalizer", bpe("normalizer", parse_json(R"({"type":"NFC"})", "n")),
       "normalizer NFC is not supported"},
      {"truncation", bpe("truncation", Json::object().set("max_length", 5)), "truncation"},
      {"padding", bpe("padding", Json::object().set("pad_id", 0)), "padding"},
      {"no pre_tokenizer", bpe("pre_tokenizer", nullptr), "pre_tokenizer none"},
      {"another pre_tokenizer", bpe("pre_tokenizer.type", "Metaspace"), "pre_tokenizer Metaspace"},
      {"a prefix space", bpe("pre_tokenizer.add_prefix_space", true), "add_prefix_space"},
      {"merges without words", bpe("pre_tokenizer.use_regex", false), "use_regex false"},
      {"a flag of text", bpe("pre_tokenizer.use_regex", "no"),
       "pre_tokenizer: use_regex: expected"},
      {"another decoder", bpe("decoder.type", "WordPiece"), "decoder WordPiece"},
      {"no decoder", bpe("decoder", nullptr), "decoder none"},
      {"a template", bpe("post_processor", Json::object().set("type", "TemplateProcessing")),
       "post_processor TemplateProcessing"},
      {"dropout", bpe("model.dropout", 0.1), "model dropout"},
      {"a prefix of subwords", bpe("model.continuing_subword_prefix", "##"), "continuing_subword"},
      {"byte fallback", bpe("model.byte_fallback", true), "model byte_fallback"},
      {"ignored merges", bpe("model.ignore_merges", true), "model ignore_merges"},
      {"words split in another way", chars("pre_tokenizer.pattern.Regex", "\\w+"), "WordLevel"},
      {"separators removed", chars("pre_tokenizer.behavior", "Removed"), "WordLevel"},
      {"an inverted split", chars("pre_tokenizer.invert", true), "WordLevel"},
      {"a char decoder that adds spaces", chars("decoder", nullptr), "decoder none"},
  };
}

// As transformers 5.23 saves the tokenizer.json that we wrote.
constexpr std::string_view kTemplate =
    R"({"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}}],)"
    R"("pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],)"
    R"("special_tokens":{}})";

TEST_CASE("a template that adds nothing is read") {
  CHECK(refusal(bpe("post_processor", parse_json(kTemplate, "p"))) == "");
}

std::vector<Case> wrong_vocabularies() {
  constexpr std::int64_t kHuge = std::int64_t{1} << 60;
  return {
      {"no vocabulary", with(bpe(), "model", without(bpe().at("model"), "vocab")), "\"vocab\""},
      {"a vocabulary that is a list", bpe("model.vocab", Json::array()),
       "vocab: expected an object"},
      {"an id of text", bpe_vocab("a", "1"), "token \"a\": its id is not an integer"},
      {"a fractional id", bpe_vocab("a", 1.5), "token \"a\": its id is not an integer"},
      {"a negative id", bpe_vocab("a", -1), "token id -1 is out of range"},
      {"an id of 2^60", bpe_vocab("a", kHuge), "token id 1152921504606846976 is out of range"},
      // Few tokens with an id of millions would cost much memory before they are refused.
      {"an id far beyond the others", bpe_vocab("x1", 9'999'999), "9999999 is out of range"},
      {"an id given twice", bpe_vocab("x1", 7), "token id 7 is given twice"},
      {"a merge whose result is missing", bpe_without("ab"),
       "merge 0: token \"ab\" is not in the vocabulary"},
      {"no token for a byte",
       bpe("model.vocab", without(bpe_vocab("!!", 1).at("model").at("vocab"), "!")),
       "a vocabulary without a token for byte 0x21 is not supported"},
      {"an id beyond the number of tokens", char_vocab(R"({"a":0,"b":2})"), "id 2 is out of range"},
      {"a gap between ids",
       with(char_vocab(R"({"a":0,"</s>":2})"), "added_tokens",
            parse_json(R"([{"id":2,"content":"</s>","special":true}])", "added")),
       "token id 1 is missing"},
      {"characters in no byte's spelling", bpe_vocab("a b", 258), "\"a b\" is not spelled in byte"},
      {"an empty token", bpe_vocab("", 258), "\"\" is not spelled in byte"},
      {"two characters", char_vocab(R"({"a":0,"bc":1})"), "token \"bc\" is not one character"},
      {"no character", char_vocab(R"({"":0})"), "token \"\" is not one character"},
  };
}

std::vector<Case> wrong_added_tokens() {
  return {
      {"no list", bpe("added_tokens", 3), "added_tokens: expected an array"},
      {"a number", added("[3]"), "added token 0: expected an object"},
      {"no content", added(R"([{"id":0,"special":true}])"), "added token 0: missing key"},
      {"no id", added(R"([{"content":"<x>","special":true}])"), "added token 0: missing key"},
      {"a negative id", added(R"([{"id":-3,"content":"<x>","special":true}])"), "id -3 is out of"},
      {"a huge id", added(R"([{"id":9000000,"content":"<x>","special":true}])"), "out of range"},
      {"the id of another token", added(R"([{"id":5,"content":"<x>","special":true}])"), "twice"},
      {"one that is not special", added(R"([{"id":258,"content":"<x>","special":false}])"),
       "added token 0: \"<x>\", which is not special, is not supported"},
      {"a name that the vocabulary has",
       added(R"([{"id":0,"content":"<|endoftext|>",)"
             R"("special":true},)"
             R"({"id":258,"content":"a","special":true}])"),
       "token \"a\" has two ids"},
  };
}

std::vector<Case> wrong_merges() {
  return {
      {"no merges", with(bpe(), "model", without(bpe().at("model"), "merges")), "\"merges\""},
      {"merges of text", bpe("model.merges", "a b"), "merges: expected an array"},
      {"a number", merges("[3]"), "merge 0 is not a pair"},
      {"three tokens", merges(R"([["a","b","c"]])"), "merge 0 is not a pair"},
      {"an object of two", merges(R"([{"a":1,"b":2}])"), "merge 0 is not a pair"},
      {"a pair of numbers", merges("[[1,2]]"), "merge 0 is not a pair"},
      {"one word", merges(R"(["ab"])"), "merge 0: token \"\" is not in the vocabulary"},
      {"three words", merges(R"(["a b c"])"), "merge 0: token \"b c\" is not in the vocabulary"},
      {"a token of no vocabulary", merges(R"([["a","b"],["a","xy"]])"), "merge 1: token \"xy\""},
      {"a result of no vocabulary", merges(R"([["a","b"],["ab","a"]])"), "merge 1: token \"aba\""},
      {"the end token", merges(R"([["<|endoftext|>","a"]])"), "merge 0: token \"<|endoftext|>\""},
      {"a merge given twice", merges(R"([["a","b"],"a b"])"), "merge 1 is given twice"},
  };
}

}  // namespace

TEST_CASE("a hostile tokenizer.json is damaged, and one line names the file and the part") {
  for (const auto& cases :
       {wrong_parts(), wrong_vocabularies(), wrong_added_tokens(), wrong_merges()}) {
    for (const Case& one : cases) {
      const std::string text = refusal(one.json);
      CAPTURE(one.what, text);
      CHECK(text.starts_with("damaged: t.json: "));
      CHECK(text.find('\n') == std::string::npos);
      CHECK_THAT(text, ContainsSubstring(one.text));
    }
  }
}

TEST_CASE("merges are read as pairs and as text, whatever arises from them") {
  const auto pairs = read_tokenizer(merges(R"([["a","b"]])"), "t.json");
  const auto text = read_tokenizer(merges(R"(["a b"])"), "t.json");
  CHECK(pairs->digest() == text->digest());
  CHECK(encode(*pairs, "abc").size() == 2);
}

TEST_CASE("special tokens outside the vocabulary are numbered and have no bytes") {
  const auto tokenizer =
      read_tokenizer(added(R"([{"id":0,"content":"<|endoftext|>","special":true},)"
                           R"({"id":258,"content":"<pad>","special":true}])"),
                     "t.json");
  CHECK(tokenizer->vocab_size() == 259);
  CHECK(tokenizer->name(258) == "<pad>");
  CHECK(tokenizer->bytes(258).empty());
  CHECK(tokenizer->eos() == 0);
}

TEST_CASE("the end token is known by the names that models give it") {
  const auto with_end = [](const std::string& name) {
    const Json json = added(fmt::format(R"([{{"id":258,"content":"{}","special":true}}])", name));
    return read_tokenizer(json, "t.json")->eos();
  };
  CHECK(with_end("</s>") == 258);
  CHECK(with_end("<eos>") == 258);
  CHECK(with_end("<|end_of_text|>") == 258);
  CHECK_FALSE(with_end("<pad>"));
}

}  // namespace llmops::tokenizer
