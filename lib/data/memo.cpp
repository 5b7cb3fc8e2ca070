#include "data/memo.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"

namespace llmops::data {

namespace {
constexpr std::size_t kMaxMemoBytes = std::size_t{1} << 30;  // as a tokenizer.json, the largest
}

void write_memo(const std::string& path, const Json& value) {
  write_file_durably(path,
                     Json::object().set("sha256", sha256(value.dump())).set("value", value).dump());
}

std::optional<Json> read_memo(const std::string& path) {
  if (!path_exists(path)) return std::nullopt;
  try {
    const Json memo = parse_json(read_file(path, kMaxMemoBytes), path);
    const Json& value = memo.at("value");
    if (sha256(value.dump()) == memo.at("sha256").as_string()) return value;
  } catch (const Error&) {
    // Falls through: a damaged memo is none.
  }
  return std::nullopt;
}

}  // namespace llmops::data
