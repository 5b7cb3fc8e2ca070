#pragma once

#include <string>
#include <vector>

#include "config/keys.h"

namespace llmops::config {

// Returns the keys as Markdown: one heading per section, one table row per key.
std::string markdown_reference(const std::vector<Key>& keys);

}  // namespace llmops::config
