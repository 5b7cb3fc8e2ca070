#include "recipe/identity.h"

#include <string_view>

#include "base/error.h"
#include "base/hash.h"
#include "recipe/recipe.h"

namespace llmops::recipe {

namespace {

constexpr std::string_view kInput = "digest.";

}  // namespace

std::string Identity::settings_digest() const {
  return config::identity_digest(settings);
}

std::string Identity::digest() const {
  std::map<std::string, std::string> parts = inputs;
  parts["recipe"] = settings_digest();
  return digest_of(parts);
}

Json Identity::to_json() const {
  Json json = settings;
  for (const auto& [name, hash] : inputs) json.set(std::string(kInput) + name, hash);
  return json;
}

Identity Identity::from_json(const Json& json) {
  Identity identity;
  if (json.is_null()) return identity;
  if (!json.is_object()) throw damaged("the identity is not an object");
  identity.settings = Json::object();
  for (const auto& [key, value] : json.as_object()) {
    if (key.starts_with(kInput) && value.is_string()) {
      identity.inputs[key.substr(kInput.size())] = value.as_string();
    } else {
      identity.settings.set(key, value);
    }
  }
  return identity;
}

std::vector<config::Change> identity_changes(const Identity& saved, const Identity& now) {
  return config::identity_changes(saved.to_json(), now.to_json(), recipe_keys());
}

std::string digest_of(const std::map<std::string, std::string>& parts) {
  std::string text;
  for (const auto& [name, digest] : parts) text += name + "=" + digest + "\n";
  return sha256(text);
}

}  // namespace llmops::recipe
