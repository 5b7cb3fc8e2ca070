#include "config/environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "base/text.h"

namespace llmops::config {

namespace {

constexpr std::string_view kOpen = "${env:";

bool is_name(std::string_view name) {
  const auto is_word = [](char c) {
    return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0;
  };
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
         std::all_of(name.begin(), name.end(), is_word);
}

}  // namespace

Expansion expand_environment(std::string_view text) {
  Expansion result;
  for (;;) {
    const std::size_t begin = text.find(kOpen);
    result.text += text.substr(0, begin);
    if (begin == std::string_view::npos) return result;
    text.remove_prefix(begin + kOpen.size());
    if (begin > 0 && result.text.back() == '$') {
      result.text.pop_back();
      result.text += kOpen;
      continue;
    }
    const std::size_t end = text.find('}');
    const std::string name(text.substr(0, end));
    if (end == std::string_view::npos || !is_name(name)) {
      result.problem = "a reference to the environment is written ${env:NAME}";
      return result;
    }
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) {
      result.problem = fmt::format("the environment variable {} is not set", name);
      return result;
    }
    if (invalid_utf8(value)) {
      result.problem = fmt::format("the environment variable {} is not valid UTF-8", name);
      return result;
    }
    result.text += value;
    result.names.push_back(name);
    text.remove_prefix(end + 1);
  }
}

std::string escape_environment(std::string_view text) {
  std::string escaped;
  for (;;) {
    const std::size_t begin = text.find(kOpen);
    escaped += text.substr(0, begin);
    if (begin == std::string_view::npos) return escaped;
    escaped += '$';
    escaped += kOpen;
    text.remove_prefix(begin + kOpen.size());
  }
}

}  // namespace llmops::config
