#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace llmops::recipe {

// A key of another tool's settings file, and the key of a recipe for the same thing.
struct PeerKey {
  std::string_view theirs;  // dotted when the last part alone would be ambiguous
  std::string_view key;     // of a recipe
};
std::span<const PeerKey> peer_keys();

// Returns the hint for an unknown key that another tool has: "use train.micro_batch_size". Looks
// for the whole key, then for its last part.
std::optional<std::string> advise_on_key(std::string_view key);

}  // namespace llmops::recipe
