#pragma once

#include <string>
#include <string_view>

namespace llmops {

inline constexpr std::string_view kRedacted = "[redacted]";

// The text with every credential replaced by kRedacted: keys of known services (sk-…, ghp_…,
// AKIA…), JSON web tokens, private keys in PEM, Authorization headers, passwords in URLs, and
// values that are assigned to a name such as password or API_KEY. Digests, commits and paths are
// left as they are. Linear in the text; what it returns has no credential. JSON stays JSON.
std::string redact(std::string_view text);

// Whether redact() would change the text.
bool has_secret(std::string_view text);

}  // namespace llmops
