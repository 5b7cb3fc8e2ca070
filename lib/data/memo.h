#pragma once

#include <optional>
#include <string>

#include "base/json.h"

namespace llmops::data {

// A small result kept in the cache folder beside a digest of itself.
void write_memo(const std::string& path, const Json& value);
// Nothing when the file is missing or damaged: the result is made again.
std::optional<Json> read_memo(const std::string& path);

}  // namespace llmops::data
