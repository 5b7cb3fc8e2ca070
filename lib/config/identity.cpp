#include "config/identity.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/hash.h"
#include "base/text.h"
#include "config/value.h"

namespace llmops::config {

namespace {

constexpr std::string_view kSeal = "sha256:";

// Replaces each text by its digest, unless it is one already.
Json sealed(const Json& value) {
  if (value.is_array()) {
    Json list = Json::array();
    for (const Json& element : value.as_array()) list.push(sealed(element));
    return list;
  }
  if (!value.is_string() || value.as_string().starts_with(kSeal)) return value;
  return std::string(kSeal) + sha256(value.as_string());
}

bool same(const Json& a, const Json& b) {
  return a == b || sealed(a) == sealed(b);
}

// "data.train[].path" for "data.train.0.path".
std::string key_path(std::string_view key) {
  std::string path;
  for (const std::string& part : split(key, '.')) {
    if (part.find_first_not_of("0123456789") == std::string::npos) {
      path += "[]";
    } else {
      path = join_key(path, part);
    }
  }
  return path;
}

std::map<std::string, Json> defaults_of(const std::vector<Key>& keys) {
  std::map<std::string, Json> defaults;
  for (const Key& key : keys) defaults[key.path] = key.default_value;
  return defaults;
}

class Lister : public Visitor {
 public:
  Lister(const std::vector<Key>& keys, const Origins& origins)
      : keys_(keys), origins_(origins), defaults_(defaults_of(keys)) {}
  Json list = Json::object();

 protected:
  void leaf(std::string_view key, FieldRef field, std::string_view, const Rule& rule) override {
    if (rule.role != Role::kIdentity) return;
    const std::string path = path_.of(key);
    const Json value = value_of(field);
    if (value == defaults_[key_path(path)]) return;
    const auto origin = origins_.find(path);
    const bool from_environment = origin != origins_.end() && !origin->second.given.is_null();
    list.set(path, from_environment && rule.choices.empty() ? sealed(value) : value);
  }
  bool enter(std::string_view key, std::string_view) override {
    path_.enter(key);
    return true;
  }
  bool enter_optional(std::string_view key, std::string_view doc, bool present) override {
    if (present) mark(path_.of(key), true);
    return present && enter(key, doc);
  }
  void leave() override { path_.leave(); }
  void sections(std::string_view key, const SectionList& sections, std::string_view) override {
    if (sections.size() > 0) mark(path_.of(key), sections.size());
    path_.enter(key);
    for (std::size_t i = 0; i < sections.size(); ++i) {
      path_.enter(fmt::format("{}", i));
      sections.visit(i, *this);
      path_.leave();
    }
    path_.leave();
  }

 private:
  // The presence of a section is part of the identity if one of its keys is.
  void mark(const std::string& path, Json value) {
    const std::string inside = key_path(path);
    const bool decides = std::any_of(keys_.begin(), keys_.end(), [&](const Key& key) {
      return key.kind == Key::Kind::kValue && key.rule.role == Role::kIdentity &&
             key.path.starts_with(inside) && key.path.size() > inside.size() &&
             (key.path[inside.size()] == '.' || key.path[inside.size()] == '[');
    });
    if (decides) list.set(path, std::move(value));
  }

  const std::vector<Key>& keys_;
  const Origins& origins_;
  std::map<std::string, Json> defaults_;
  KeyPath path_;
};

}  // namespace

Json identity(const Fields& fields, const std::vector<Key>& keys, const Origins& origins) {
  Lister lister(keys, origins);
  fields(lister);
  return std::move(lister.list);
}

std::string identity_digest(const Json& identity) {
  std::map<std::string, std::string> lines;
  for (const auto& [key, value] : identity.as_object()) lines[key] = sealed(value).dump();
  Sha256 hash;
  for (const auto& [key, value] : lines) hash.update(key + "=" + value + "\n");
  return hash.finish();
}

std::vector<Change> identity_changes(const Json& saved, const Json& now,
                                     const std::vector<Key>& keys) {
  std::map<std::string, Json> defaults = defaults_of(keys);
  const auto in = [&](const Json& identity, const std::string& key) {
    const Json* value = identity.find(key);
    return value != nullptr ? *value : defaults[key_path(key)];
  };
  std::vector<Change> changes;
  const auto compare = [&](const std::string& key) {
    Change change{key, in(saved, key), in(now, key)};
    if (!same(change.before, change.after)) changes.push_back(std::move(change));
  };
  for (const auto& [key, value] : saved.as_object()) compare(key);
  for (const auto& [key, value] : now.as_object()) {
    if (saved.find(key) == nullptr) compare(key);
  }
  return changes;
}

}  // namespace llmops::config
