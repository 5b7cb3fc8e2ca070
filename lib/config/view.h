#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "config/problems.h"
#include "config/visitor.h"

namespace llmops::config {

// The settings that a view visits, without their type.
using Fields = std::function<void(Visitor&)>;

// Returns the fields for a view that only reads. fields() is not const because the parser writes
// through it.
template <typename Section>
Fields fields_of(const Section& section) {
  return [&section](Visitor& v) { const_cast<Section&>(section).fields(v); };
}

// The origin of the value of a key. A key that is not listed has its default.
struct Origin {
  SourceLocation location;
  Json given;  // text or list of texts with ${env:NAME} unexpanded; null without a reference
  std::vector<std::string> variables;  // "NAME=sha256:…" of each variable used
};
using Origins = std::map<std::string, Origin, std::less<>>;

// Returns "a.b", or "b" at the top.
inline std::string join_key(std::string_view section, std::string_view key) {
  return section.empty() ? std::string(key) : std::string(section) + "." + std::string(key);
}

// The path of the section that a visitor is in: "data.train.0".
class KeyPath {
 public:
  void enter(std::string_view key) { parts_.push_back(of(key)); }
  void leave() { parts_.pop_back(); }
  std::string of(std::string_view key) const {
    return parts_.empty() ? std::string(key) : join_key(parts_.back(), key);
  }
  const std::string& here() const {
    static const std::string kTop;
    return parts_.empty() ? kTop : parts_.back();
  }
  std::size_t depth() const { return parts_.size(); }

 private:
  std::vector<std::string> parts_;
};

}  // namespace llmops::config
