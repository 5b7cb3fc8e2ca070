#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "config/keys.h"
#include "config/view.h"

// The identity of settings: the part of them that decides the result. It holds the settings of role
// kIdentity that differ from their default; an absent key has its default. So a key that is added
// later does not change the identities that are stored already. The default of an identity key must
// never change.
namespace llmops::config {

// Returns the identity as an object by whole key. A list of sections is "data.train": 2 (its size),
// an optional section that is present is "data.train.0.synth": true. Free text from the environment
// is replaced by its digest, because the object is stored. `keys` are those of default settings.
Json identity(const Fields& fields, const std::vector<Key>& keys, const Origins& origins);

// SHA-256 over keys and values, in the order of the keys' names.
std::string identity_digest(const Json& identity);

struct Change {
  std::string key;
  Json before, after;  // null: unset
};
// Returns the keys whose values differ in a stored identity and in the present one. An absent key
// has its default in both.
std::vector<Change> identity_changes(const Json& saved, const Json& now,
                                     const std::vector<Key>& keys);

}  // namespace llmops::config
