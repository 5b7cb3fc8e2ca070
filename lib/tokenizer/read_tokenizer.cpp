#include <algorithm>
#include <array>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "tokenizer/bpe_tokenizer.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/byte_tokenizer.h"
#include "tokenizer/char_tokenizer.h"
#include "tokenizer/unicode.h"

namespace llmops::tokenizer {

namespace {

constexpr std::int64_t kMaxVocab = 10'000'000;
constexpr std::size_t kMaxTokenBytes = std::size_t{1} << 16;
constexpr std::uintmax_t kMaxFileBytes = std::uintmax_t{1} << 30;

// Names of the end token in published models.
constexpr std::string_view kEndNames[] = {kEndOfText, "</s>", "<|end_of_text|>", "<eos>"};

Error unsupported(std::string_view what) {
  return damaged("{} is not supported", what)
      .hint("llmops reads char, byte and GPT-2's byte-level BPE tokenizers");
}

// Whether a TemplateProcessing does not change a single text: transformers writes one for a
// tokenizer without special tokens.
bool adds_nothing(const Json& post) {
  const Json* single = post.find("single");
  const Json* special = post.find("special_tokens");
  if (!single || !single->is_array() || single->as_array().size() != 1) return false;
  if (!special || !special->is_object() || !special->as_object().empty()) return false;
  const Json& piece = single->as_array().front();
  return piece.is_object() && piece.find("Sequence") != nullptr;
}

std::string type_of(const Json* part) {
  if (part == nullptr || part->is_null()) return "none";
  const Json* type = part->find("type");
  return type != nullptr && type->is_string() ? printable(type->as_string()) : "?";
}

// Runs `read` and names the part in its errors.
template <typename Read>
auto within(std::string_view part, const Read& read) {
  try {
    return read();
  } catch (const Error& error) {
    throw damaged("{}: {}", part, error.what());
  }
}

bool flag(const Json& part, std::string_view key, bool missing) {
  const Json* value = part.find(key);
  if (value == nullptr || value->is_null()) return missing;
  return within(key, [&] { return value->as_bool(); });
}

// Throws for a setting that changes ids and is not supported here.
void require_absent(const Json& part, std::string_view key, std::string_view where) {
  const Json* value = part.find(key);
  if (value == nullptr || value->is_null()) return;
  if (value->is_bool() && !value->as_bool()) return;
  if (value->is_string() && value->as_string().empty()) return;
  if (value->is_array() && value->size() == 0) return;
  if (value->is_number() && value->as_double() == 0) return;
  throw unsupported(fmt::format("{} {}", where, key));
}

// The names of all ids; each id from 0 on has one. Special tokens may be in the vocabulary, in the
// added tokens, or in both.
class Names {
 public:
  // Takes at most `most` ids, the number of tokens in the file: an id cannot make the table larger
  // than the file.
  explicit Names(std::size_t most) : most_(static_cast<std::int64_t>(most)) {
    if (most_ > kMaxVocab) throw damaged("more than {} tokens", kMaxVocab);
  }

  void put(std::int64_t id, const std::string& name, bool special) {
    if (id < 0 || id >= most_) {
      throw damaged("token id {} is out of range: there are {} tokens", id, most_);
    }
    if (name.size() > kMaxTokenBytes) throw damaged("token {} is too long", id);
    if (id >= static_cast<std::int64_t>(entries_.size())) {
      entries_.resize(static_cast<std::size_t>(id) + 1);
    }
    Entry& entry = entries_[static_cast<std::size_t>(id)];
    if (entry.set && (entry.name != name || !special)) {
      throw damaged("token id {} is given twice", id);
    }
    entry = {name, true, special};
  }

  // Returns the table. `bytes_of` returns the text of a token that is not special.
  template <typename BytesOf>
  TokenTable table(const BytesOf& bytes_of) const {
    TokenTable table;
    std::unordered_set<std::string_view> seen;
    for (std::size_t id = 0; id < entries_.size(); ++id) {
      const Entry& entry = entries_[id];
      if (!entry.set) throw damaged("token id {} is missing", id);
      if (!seen.insert(entry.name).second) {
        throw damaged("token \"{}\" has two ids", printable(entry.name));
      }
      if (entry.special) {
        table.add_special(entry.name);
      } else {
        table.add(entry.name, bytes_of(entry.name));
      }
    }
    for (const std::string_view end : kEndNames) {
      for (const TokenId id : table.special) {
        if (!table.end && table.names[static_cast<std::size_t>(id)] == end) table.end = id;
      }
    }
    return table;
  }

 private:
  struct Entry {
    std::string name;
    bool set = false, special = false;
  };
  std::int64_t most_;
  std::vector<Entry> entries_;
};

Names read_names(const Json& json) {
  const Json none = Json::array();
  const Json* given = json.find("added_tokens");
  const Json& list = given == nullptr || given->is_null() ? none : *given;
  const Json& model = json.at("model");
  const auto* vocab = within("vocab", [&] { return &model.at("vocab").as_object(); });
  const auto* added = within("added_tokens", [&] { return &list.as_array(); });
  Names names(vocab->size() + added->size());
  for (const auto& member : *vocab) {
    if (!member.second.is_int()) {
      throw damaged("token \"{}\": its id is not an integer", printable(member.first));
    }
    names.put(member.second.as_int(), member.first, false);
  }
  for (std::size_t i = 0; i < added->size(); ++i) {
    within(fmt::format("added token {}", i), [&] {
      const Json& token = (*added)[i];
      const std::string& name = token.at("content").as_string();
      if (!flag(token, "special", false)) {
        throw unsupported(fmt::format("\"{}\", which is not special,", printable(name)));
      }
      names.put(token.at("id").as_int(), name, true);
    });
  }
  return names;
}

std::unique_ptr<Tokenizer> read_char(const Json& json) {
  const Json* pre = json.find("pre_tokenizer");
  const Json* pattern = pre == nullptr ? nullptr : pre->find("pattern");
  const Json* regex = pattern == nullptr ? nullptr : pattern->find("Regex");
  if (type_of(pre) != "Split" || regex == nullptr || !regex->is_string() ||
      regex->as_string() != kEveryCharacter || flag(*pre, "invert", false) ||
      pre->at("behavior").as_string() != "Isolated") {
    throw unsupported("WordLevel with a pre_tokenizer other than one that splits every character");
  }
  if (type_of(json.find("decoder")) != "Fuse") {
    throw unsupported("decoder " + type_of(json.find("decoder")));
  }
  TokenTable table = read_names(json).table([](const std::string& name) {
    const CodePoint point = decode_utf8(name.empty() ? " " : name, 0);
    if (name.empty() || point.value == kInvalidCodePoint || point.length != name.size()) {
      throw damaged("token \"{}\" is not one character", printable(name));
    }
    return name;
  });
  return std::make_unique<CharTokenizer>(std::move(table));
}

std::string token_bytes(const std::string& name) {
  const auto bytes = unspell(name);
  if (!bytes || bytes->empty()) {
    throw damaged("token \"{}\" is not spelled in byte-level characters", printable(name));
  }
  return *bytes;
}

void require_every_byte(const TokenTable& table) {
  std::array<bool, 256> seen{};
  for (const std::string& bytes : table.bytes) {
    if (bytes.size() != 1) continue;
    bool& byte = seen[static_cast<unsigned char>(bytes[0])];
    if (byte) throw damaged("two tokens for one byte");
    byte = true;
  }
  const auto missing = std::find(seen.begin(), seen.end(), false);
  if (missing != seen.end()) {
    throw unsupported(fmt::format("a vocabulary without a token for byte 0x{:02X}",
                                  static_cast<int>(missing - seen.begin())));
  }
}

bool is_pair(const Json& merge) {
  return merge.is_array() && merge.size() == 2 && merge.as_array()[0].is_string() &&
         merge.as_array()[1].is_string();
}

// "a b" or ["a", "b"], most important first.
std::vector<BpeMerges::Rule> read_merges(const Json::Array& merges, const TokenTable& table) {
  if (static_cast<std::int64_t>(merges.size()) > kMaxVocab) {
    throw damaged("more than {} merges", kMaxVocab);
  }
  std::unordered_map<std::string_view, TokenId> ids;
  for (std::size_t id = 0; id < table.names.size(); ++id) {
    if (!table.bytes[id].empty()) ids.emplace(table.names[id], static_cast<TokenId>(id));
  }
  const auto id_of = [&](std::string_view name, std::size_t merge) {
    const auto found = ids.find(name);
    if (found == ids.end()) {
      throw damaged("merge {}: token \"{}\" is not in the vocabulary", merge, printable(name));
    }
    return found->second;
  };
  std::vector<BpeMerges::Rule> rules;
  std::set<std::pair<TokenId, TokenId>> seen;
  for (std::size_t i = 0; i < merges.size(); ++i) {
    std::string left, right;
    if (merges[i].is_string()) {
      const std::string& both = merges[i].as_string();
      const std::size_t space = std::min(both.find(' '), both.size());
      left = both.substr(0, space);
      right = both.substr(std::min(space + 1, both.size()));
    } else if (is_pair(merges[i])) {
      left = merges[i].as_array()[0].as_string();
      right = merges[i].as_array()[1].as_string();
    } else {
      throw damaged("merge {} is not a pair of tokens", i);
    }
    const BpeMerges::Rule rule{id_of(left, i), id_of(right, i), id_of(left + right, i)};
    if (!seen.emplace(rule.left, rule.right).second) throw damaged("merge {} is given twice", i);
    rules.push_back(rule);
  }
  return rules;
}

std::unique_ptr<Tokenizer> read_bpe(const Json& json) {
  const Json& model = json.at("model");
  const Json* pre = json.find("pre_tokenizer");
  if (type_of(pre) != "ByteLevel") throw unsupported("pre_tokenizer " + type_of(pre));
  require_absent(*pre, "add_prefix_space", "pre_tokenizer");
  for (const std::string_view key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix",
                                     "fuse_unk", "byte_fallback", "ignore_merges"}) {
    require_absent(model, key, "model");
  }
  const std::string decoder = type_of(json.find("decoder"));
  if (decoder != "ByteLevel") throw unsupported("decoder " + decoder);
  const std::string post = type_of(json.find("post_processor"));
  if (post != "none" && post != "ByteLevel" && !adds_nothing(json.at("post_processor"))) {
    throw unsupported("post_processor " + post);
  }

  TokenTable table = read_names(json).table(token_bytes);
  require_every_byte(table);
  const auto* merges = within("merges", [&] { return &model.at("merges").as_array(); });
  const std::vector<BpeMerges::Rule> rules = read_merges(*merges, table);
  const bool words = within("pre_tokenizer", [&] { return flag(*pre, "use_regex", true); });
  if (rules.empty() && !words) return std::make_unique<ByteTokenizer>(std::move(table));
  if (!words) throw unsupported("ByteLevel without its pattern (use_regex false) and with merges");
  return std::make_unique<BpeTokenizer>(std::move(table), rules);
}

}  // namespace

std::unique_ptr<Tokenizer> read_tokenizer(const Json& json, const std::string& path) {
  try {
    if (!json.is_object()) throw damaged("not a JSON object");
    for (const std::string_view key : {"normalizer", "truncation", "padding"}) {
      const Json* part = json.find(key);
      if (part == nullptr || part->is_null()) continue;
      throw unsupported(fmt::format("{} {}", key, type_of(part)));
    }
    const std::string model = type_of(&json.at("model"));
    if (model == "WordLevel") return read_char(json);
    if (model == "BPE") return read_bpe(json);
    throw unsupported("model " + model);
  } catch (Error& error) {
    throw error.at(path);
  }
}

std::unique_ptr<Tokenizer> load_tokenizer(const std::string& path) {
  const std::string file = is_directory(path) ? join_path(path, "tokenizer.json") : path;
  const std::string text = read_file(file, kMaxFileBytes, ExitCode::kDamaged);
  return read_tokenizer(parse_json(text, file), file);
}

}  // namespace llmops::tokenizer
