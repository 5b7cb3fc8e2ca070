#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "config/keys.h"
#include "config/view.h"

// The identity of settings: what of them decides the result. It holds the settings of role
// kIdentity that differ from their default, and an absent key means its default. So a key that is
// added later changes no identity that was stored before; the default of an identity key must stay
// as it is.
namespace llmops::config {

// The identity as an object by whole key. A list of sections counts as "data.train": 2, a section
// that may be absent as "data.train.0.synth": true. Free text from the environment is replaced by
// its digest, so that the object may be stored. `keys` are those of default settings.
Json identity(const Fields& fields, const std::vector<Key>& keys, const Origins& origins);

// SHA-256 over keys and values, in the order of the keys' names.
std::string identity_digest(const Json& identity);

struct Change {
  std::string key;
  Json before, after;  // null: unset
};
// What differs between a stored identity and that of now, absent keys standing for their default
// in both.
std::vector<Change> identity_changes(const Json& saved, const Json& now,
                                     const std::vector<Key>& keys);

}  // namespace llmops::config
