#include "tokenizer/token_table.h"

#include <utility>

#include "base/error.h"

namespace llmops::tokenizer {

TokenId TokenTable::add(std::string name, std::string text_bytes) {
  names.push_back(std::move(name));
  bytes.push_back(std::move(text_bytes));
  return static_cast<TokenId>(names.size() - 1);
}

TokenId TokenTable::add_special(std::string_view name) {
  special.push_back(add(std::string(name), ""));
  return special.back();
}

std::size_t TableTokenizer::checked(TokenId id) const {
  LLMOPS_CHECK(id >= 0 && id < vocab_size(), "token id out of range");
  return static_cast<std::size_t>(id);
}

Json TableTokenizer::envelope(Json model, Json pre_tokenizer, Json decoder) const {
  Json added = Json::array();
  for (const TokenId id : table_.special) {
    added.push(Json::object()
                   .set("id", id)
                   .set("content", name(id))
                   .set("single_word", false)
                   .set("lstrip", false)
                   .set("rstrip", false)
                   .set("normalized", false)
                   .set("special", true));
  }
  return Json::object()
      .set("version", "1.0")
      .set("truncation", nullptr)
      .set("padding", nullptr)
      .set("added_tokens", std::move(added))
      .set("normalizer", nullptr)
      .set("pre_tokenizer", std::move(pre_tokenizer))
      .set("post_processor", nullptr)
      .set("decoder", std::move(decoder))
      .set("model", std::move(model));
}

}  // namespace llmops::tokenizer
