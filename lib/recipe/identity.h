#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "config/identity.h"

namespace llmops::recipe {

// What decides the result of a run: settings of its recipe, and what it reads. Each checkpoint
// stores it, the store knows runs by its digest, and a resume compares it.
struct Identity {
  Json settings;                              // by key: config::identity()
  std::map<std::string, std::string> inputs;  // "data", "tokenizer", "base_weights" … -> SHA-256

  std::string settings_digest() const;  // SHA-256 of the settings alone
  std::string digest() const;           // of the settings and all inputs

  // As a checkpoint stores it: the settings, then the inputs as "digest.NAME".
  Json to_json() const;
  // Throws Error(kDamaged) for what is neither an object nor null.
  static Identity from_json(const Json& json);
};

// Returns what differs, by key; an input has the key "digest.NAME".
std::vector<config::Change> identity_changes(const Identity& saved, const Identity& now);

// Returns the SHA-256 over the names and digests of several parts.
std::string digest_of(const std::map<std::string, std::string>& parts);

}  // namespace llmops::recipe
