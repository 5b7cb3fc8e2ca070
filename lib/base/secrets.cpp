#include "base/secrets.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "base/text.h"

namespace llmops {

namespace {

// A stretch of the text that is a credential.
struct Span {
  std::size_t begin, end;
};
using Spans = std::vector<Span>;

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}
bool is_letter(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0;
}
// A character of a key or of a word.
bool is_key_character(char c) {
  return c == '_' || c == '-' || is_digit(c) || is_letter(c);
}
// A character of base64 in both alphabets, or of a token whose parts are joined by dots.
bool is_token_character(char c) {
  return is_key_character(c) || c == '.' || c == '+' || c == '/' || c == '=' || c == '~';
}
bool is_base64(char c) {
  return is_digit(c) || is_letter(c) || c == '+' || c == '/' || c == '=';
}
bool is_password_character(char c) {
  return is_token_character(c) || std::string_view("!@#%^*?").find(c) != std::string_view::npos;
}

std::size_t end_of(std::string_view text, std::size_t at, bool (*belongs)(char)) {
  while (at < text.size() && belongs(text[at])) ++at;
  return at;
}

// Whether the text has letters and digits: words have no digits, or few when they are long; numbers
// have no letters.
bool is_mixed(std::string_view text) {
  constexpr std::size_t kLong = 16;
  return std::count_if(text.begin(), text.end(), is_digit) >= (text.size() < kLong ? 1 : 3) &&
         std::any_of(text.begin(), text.end(), is_letter);
}

// Whether a word may begin here: after an escape of JSON such as \n or \u001b, too.
bool is_word_start(std::string_view text, std::size_t at) {
  if (at == 0 || !is_key_character(text[at - 1])) return true;
  const char before = text[at - 1];
  return (at >= 2 && text[at - 2] == '\\' && (before == 'n' || before == 'r' || before == 't')) ||
         (at >= 6 && text.substr(at - 6, 2) == "\\u");
}

char lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

bool is_capital(char c) {
  return is_digit(c) || (c >= 'A' && c <= 'Z');
}

// The prefix of a service's keys, and the least number of characters after it.
struct KeyShape {
  std::string_view prefix;
  std::size_t length;
  bool (*belongs)(char) = is_key_character;
};
constexpr KeyShape kKeyShapes[] = {
    {"sk-", 20},
    {"sk_live_", 16},
    {"rk_live_", 16},
    {"hf_", 30},
    {"ghp_", 30},
    {"gho_", 30},
    {"ghu_", 30},
    {"ghs_", 30},
    {"ghr_", 30},
    {"glpat-", 20},
    {"xoxa-", 20},
    {"xoxb-", 20},
    {"xoxp-", 20},
    {"xoxr-", 20},
    {"xoxs-", 20},
    {"xapp-", 20},
    {"AIza", 35},
    {"npm_", 36},
    {"pypi-", 50},
    {"gsk_", 40},
    {"r8_", 30},
    {"dckr_pat_", 20},
    {"github_pat_", 30},
    {"AKIA", 16, is_capital},
    {"ASIA", 16, is_capital},
};

void find_keys(std::string_view text, Spans& spans) {
  for (const KeyShape& shape : kKeyShapes) {
    for (std::size_t at = text.find(shape.prefix); at != std::string_view::npos;
         at = text.find(shape.prefix, at + 1)) {
      const bool is_joined = at > 0 && (text[at - 1] == '-' || text[at - 1] == '_');
      if (!is_joined && !is_word_start(text, at)) continue;
      const std::size_t begin = at + shape.prefix.size();
      const std::size_t end = end_of(text, begin, shape.belongs);
      const std::string_view key = text.substr(begin, end - begin);
      // Words joined by hyphens are not a key: keys have digits.
      if (key.size() >= shape.length && std::any_of(key.begin(), key.end(), is_digit)) {
        spans.push_back({at, end});
      }
    }
  }
}

// Header, payload and signature of RFC 7519: base64 of JSON objects begins with eyJ.
void find_web_tokens(std::string_view text, Spans& spans) {
  constexpr std::string_view kStart = "eyJ";
  for (std::size_t at = text.find(kStart); at != std::string_view::npos;) {
    const std::size_t header = end_of(text, at, is_key_character);
    std::size_t end = header;
    if (is_word_start(text, at) && text.substr(header, 4) == ".eyJ") {
      end = end_of(text, header + 1, is_key_character);
      if (end < text.size() && text[end] == '.') end = end_of(text, end + 1, is_key_character);
      if (header - at >= 10 && end - header >= 10) spans.push_back({at, end});
    }
    at = text.find(kStart, std::max(end, at + 1));
  }
}

// Finds the base64 between the lines that begin and end a private key, or as much of it as follows
// if the text is cut before the end. In a diff, in JSON or in source code other characters are
// around it.
void find_private_keys(std::string_view text, Spans& spans) {
  constexpr std::string_view kBegin = "-----BEGIN ", kEnd = "-----END ", kDashes = "-----";
  constexpr std::size_t kLongestName = 40;
  for (std::size_t at = text.find(kBegin), next; at != std::string_view::npos; at = next) {
    next = text.find(kBegin, at + 1);
    const std::size_t name = at + kBegin.size();
    const std::size_t close = text.substr(name, kLongestName).find(kDashes);
    if (close == std::string_view::npos ||
        text.substr(name, close).find("PRIVATE KEY") == std::string_view::npos) {
      continue;
    }
    constexpr std::size_t kLongestKey = 32 << 10;
    const std::size_t begin = name + close + kDashes.size();
    const std::size_t close_at = text.substr(0, begin + kLongestKey).find(kEnd, begin);
    const std::size_t end = std::min({close_at, text.size(), begin + kLongestKey, next});
    const std::size_t shortest = close_at == end ? 16 : 40;
    for (std::size_t line = begin; line < end; ++line) {
      const std::size_t line_end = std::min(end, end_of(text, line, is_base64));
      if (line_end - line >= shortest) spans.push_back({line, line_end});
      line = line_end;
    }
  }
}

// "Bearer TOKEN" and "Basic TOKEN", as HTTP headers have them.
void find_headers(std::string_view text, Spans& spans) {
  for (const std::string_view scheme : {std::string_view("earer "), std::string_view("asic ")}) {
    for (std::size_t at = text.find(scheme); at != std::string_view::npos;
         at = text.find(scheme, at + 1)) {
      const std::size_t begin = at + scheme.size();
      const std::size_t end = end_of(text, begin, is_token_character);
      if (end - begin >= 16 && is_mixed(text.substr(begin, end - begin))) {
        spans.push_back({begin, end});
      }
    }
  }
}

// Returns the position of the colon between user and password. Both may be references:
// ${env:USER}:${env:PASSWORD}.
std::size_t colon_of(std::string_view user) {
  for (std::size_t at = 0; at < user.size(); ++at) {
    if (user.substr(at, 2) == "${") at = std::min(user.find('}', at), user.size());
    if (at < user.size() && user[at] == ':') return at;
  }
  return std::string_view::npos;
}

// scheme://user:password@host, and scheme://TOKEN@host.
void find_urls(std::string_view text, Spans& spans) {
  constexpr std::string_view kMark = "://";
  const auto is_part = [](char c) {
    return static_cast<unsigned char>(c) > ' ' &&
           std::string_view("/\"'\\<>`").find(c) == std::string_view::npos;
  };
  for (std::size_t at = text.find(kMark); at != std::string_view::npos;
       at = text.find(kMark, at + 1)) {
    const std::size_t begin = at + kMark.size();
    const std::size_t end = end_of(text, begin, is_part);
    const std::size_t host = text.substr(begin, end - begin).rfind('@');
    if (host == std::string_view::npos) continue;
    const std::string_view user = text.substr(begin, host);
    const std::size_t colon = colon_of(user);
    if (colon != std::string_view::npos && colon + 1 < user.size() && user[colon + 1] != '$') {
      spans.push_back({begin + colon + 1, begin + host});
    } else if (colon == std::string_view::npos && user.size() >= 20 && is_mixed(user) &&
               user[0] != '$') {
      spans.push_back({begin, begin + host});
    }
  }
}

// The ending of a name whose value is a credential, and the least length of that value.
struct NameShape {
  std::string_view ending;
  std::size_t length;
};
constexpr NameShape kNameShapes[] = {
    {"password", 6},    {"passwd", 6},  {"passphrase", 6},  {"secret", 8},     {"api_key", 8},
    {"apikey", 8},      {"api-key", 8}, {"access_key", 16}, {"secret_key", 8}, {"private_key", 8},
    {"account_key", 8}, {"token", 20},  {"_pass", 6},
};

// Returns the shape of the name that ends before `at` (its quote is skipped), or nullptr.
const NameShape* name_before(std::string_view text, std::size_t at) {
  constexpr std::size_t kLongest = 16;
  while (at > 0 && (text[at - 1] == '"' || text[at - 1] == '\'' || text[at - 1] == '\\' ||
                    text[at - 1] == ' ')) {
    --at;
  }
  const std::size_t length = std::min(at, kLongest);
  std::array<char, kLongest> name{};
  std::transform(text.begin() + static_cast<std::ptrdiff_t>(at - length),
                 text.begin() + static_cast<std::ptrdiff_t>(at), name.begin(), lower);
  for (const NameShape& shape : kNameShapes) {
    if (std::string_view(name.data(), length).ends_with(shape.ending)) return &shape;
  }
  return nullptr;
}

// Finds NAME=VALUE, NAME: VALUE and "NAME": "VALUE". A value has letters and digits; a value
// followed by a bracket is code.
void find_assignments(std::string_view text, Spans& spans) {
  constexpr std::size_t kMostLooked = 512;
  std::size_t known_end = 0;  // of the run of characters that was walked last: "a=b=c" is one
  for (std::size_t at = text.find_first_of("=:"); at != std::string_view::npos;
       at = text.find_first_of("=:", at + 1)) {
    const NameShape* shape = name_before(text, at);
    if (!shape) continue;
    std::size_t begin = at + 1;
    while (begin < text.size() &&
           std::string_view(" \"'\\").find(text[begin]) != std::string_view::npos) {
      ++begin;
    }
    const std::size_t end =
        begin < known_end ? known_end : end_of(text, begin, is_password_character);
    known_end = end;
    const std::string_view value = text.substr(begin, std::min(end - begin, kMostLooked));
    const bool is_code =
        end < text.size() && std::string_view("([{$").find(text[end]) != std::string_view::npos;
    if (value.size() >= shape->length && is_mixed(value) && !is_code && !parse_double(value)) {
      spans.push_back({begin, end});
    }
  }
}

// Moves the start of the span after the letter of an escape such as "\n", so the backslash keeps it
// and JSON stays JSON.
void spare_escape(std::string_view text, Span& span) {
  std::size_t slashes = 0;
  while (slashes < span.begin && text[span.begin - slashes - 1] == '\\') ++slashes;
  if (slashes % 2 == 1) span.begin += text[span.begin] == 'u' ? 5 : 1;
}

Spans find_secrets(std::string_view text) {
  Spans spans;
  find_keys(text, spans);
  find_web_tokens(text, spans);
  find_private_keys(text, spans);
  find_headers(text, spans);
  find_urls(text, spans);
  find_assignments(text, spans);
  for (Span& span : spans) spare_escape(text, span);
  std::erase_if(spans, [text](const Span& span) {
    return span.begin >= span.end || text.substr(span.begin, span.end - span.begin) == kRedacted;
  });
  return spans;
}

std::string without(std::string_view text, Spans& spans) {
  std::ranges::sort(spans, {}, &Span::begin);
  std::string rest;
  std::size_t done = 0;
  for (const Span& span : spans) {
    if (span.end <= done) continue;  // within another
    if (span.begin >= done) rest.append(text.substr(done, span.begin - done)).append(kRedacted);
    done = span.end;
  }
  return rest.append(text.substr(done));
}

}  // namespace

std::string redact(std::string_view text) {
  std::string shown(text);
  // Replacing a credential can make the text after it one, because a word begins there now.
  for (Spans spans = find_secrets(shown); !spans.empty(); spans = find_secrets(shown)) {
    shown = without(shown, spans);
  }
  return shown;
}

bool has_secret(std::string_view text) {
  return !find_secrets(text).empty();
}

}  // namespace llmops
