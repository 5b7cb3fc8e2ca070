#pragma once

#include <optional>
#include <string>

#include "base/error.h"

// The Error that the call throws; nothing when it returns.
template <typename Call>
std::optional<llmops::Error> error_of(Call call) {
  try {
    call();
  } catch (const llmops::Error& error) {
    return error;
  }
  return std::nullopt;
}

// "CODE: text" of that Error; "" when the call returns.
template <typename Call>
std::string error_text(Call call) {
  const auto error = error_of(call);
  if (!error) return "";
  return std::string(llmops::name_of(error->code())) + ": " + error->what();
}
