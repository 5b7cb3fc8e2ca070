#pragma once

#include <string>
#include <string_view>

namespace llmops {

inline constexpr std::string_view kRedacted = "[redacted]";

// Returns the text with everything that looks like a credential replaced by kRedacted: keys of
// known services (sk-…, ghp_…, AKIA…), JSON web tokens, private keys in PEM, Authorization headers,
// passwords in URLs, and values with letters and digits that are assigned to a name such as
// password or API_KEY. Linear in the text; redacting the result again changes nothing. JSON stays
// JSON.
std::string redact(std::string_view text);

// Whether redact() would change the text.
bool has_secret(std::string_view text);

}  // namespace llmops
