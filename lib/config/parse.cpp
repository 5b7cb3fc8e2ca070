#include "config/parse.h"

#include <fmt/format.h>

#include <set>

#include "base/file.h"
#include "base/hash.h"
#include "base/secrets.h"
#include "base/text.h"
#include "config/environment.h"
#include "config/value.h"

namespace llmops::config {

namespace {

std::string_view last_part(std::string_view key) {
  return key.substr(key.rfind('.') + 1);
}

std::string did_you_mean(std::string_view key) {
  return fmt::format("did you mean {}?", key);
}

// Returns the text as written of a value that refers to the environment, which may be a secret and
// is stored in this form; null for any other value.
Json as_written(const Node& node) {
  if (node.kind == Node::Kind::kScalar && !node.given.empty()) return node.given;
  Json list;
  bool any = false;
  for (const Node& item : node.items) {
    any = any || !item.given.empty();
    list.push(item.given.empty() ? escape_environment(item.text) : item.given);
  }
  return any ? list : Json();
}

// Walks the fields and the nodes at the same time: open_ is the stack of sections that the visitor
// is in, each with the keys that its fields have asked for. Keys of the file that no field asked
// for are the unknown ones.
class Parser : public Visitor {
 public:
  Parser(const Node& root, const ParseOptions& options, Origins& origins, Problems& problems)
      : options_(options), origins_(origins), problems_(problems) {
    open_.push_back({&root, {}});
  }

  // Adds a problem for each key of the current section that no field has asked for. Call it after
  // all fields of the section were visited.
  void refuse_unknown() {
    const Open& section = open_.back();
    for (const Node::Member& member : section.node->members) {
      if (section.seen.contains(member.key)) continue;
      const std::string key = path_.of(member.key);
      problems_.add(member.location, printable(key), "unknown key",
                    problems_.full() ? "" : hint_for(key, member.key, section.seen));
    }
  }

 protected:
  void leaf(std::string_view key, FieldRef field, std::string_view, const Rule& rule) override {
    const Node* node = take(key);
    const std::string path = path_.of(key);
    if (node == nullptr || node->kind == Node::Kind::kNull) return;
    Origin origin{node->location, {}, {}};
    // A value that could not be expanded has its problem already; its type must not add another.
    const std::size_t problems_before = problems_.count();
    const Node expanded = expand(*node, path, origin, rule.is_path);
    if (problems_.count() > problems_before) return;
    origin.given = as_written(expanded);
    assign(field, expanded, rule,
           [&](const Node& at, std::string_view message, std::string_view hint) {
             problems_.add(at.location, path, message, hint);
           });
    origins_[path] = std::move(origin);
  }

  bool enter(std::string_view key, std::string_view) override {
    // An absent section is visited as an empty one: its keys keep their defaults.
    static const Node kAbsent{Node::Kind::kMap, {}, "", false, {}, {}, ""};
    const Node* node = take(key);
    const bool present = node != nullptr && node->kind != Node::Kind::kNull;
    if (present && !is_section(*node, path_.of(key))) return false;
    open_.push_back({present ? node : &kAbsent, {}});
    path_.enter(key);
    return true;
  }

  bool enter_optional(std::string_view key, std::string_view doc, bool) override {
    const Node* node = take(key);
    return node != nullptr && node->kind != Node::Kind::kNull && enter(key, doc);
  }

  void leave() override {
    refuse_unknown();
    open_.pop_back();
    path_.leave();
  }

  void sections(std::string_view key, const SectionList& list, std::string_view) override {
    const Node* node = take(key);
    if (node == nullptr || node->kind == Node::Kind::kNull) return;
    const std::string path = path_.of(key);
    if (node->kind != Node::Kind::kList) {
      problems_.add(node->location, path,
                    fmt::format("expected a list of sections, found {}", node->kind_name()));
      return;
    }
    list.clear();
    path_.enter(key);
    for (std::size_t i = 0; i < node->items.size(); ++i) {
      const std::string index = fmt::format("{}", i);
      list.append();
      if (!is_section(node->items[i], path_.of(index))) continue;
      open_.push_back({&node->items[i], {}});
      path_.enter(index);
      list.visit(i, *this);
      leave();
    }
    path_.leave();
  }

 private:
  struct Open {
    const Node* node;
    std::set<std::string, std::less<>> seen;  // keys that the section has
  };

  const Node* take(std::string_view key) {
    open_.back().seen.emplace(key);
    return open_.back().node->find(key);
  }

  bool is_section(const Node& node, std::string_view path) {
    if (node.kind == Node::Kind::kMap) return true;
    problems_.add(node.location, path,
                  fmt::format("expected a section, found {}", node.kind_name()));
    return false;
  }

  // Returns a copy with variables expanded and paths made relative to the working directory.
  Node expand(const Node& node, const std::string& path, Origin& origin, bool is_path) {
    Node copy = node;
    for (Node& item : copy.items) item = expand(item, path, origin, is_path);
    if (copy.kind != Node::Kind::kScalar) return copy;
    if (has_secret(copy.text)) {
      problems_.add(node.location, path, "this looks like a credential",
                    "name an environment variable: ${env:NAME}");
      return copy;
    }
    Expansion expansion = expand_environment(copy.text);
    if (!expansion.problem.empty()) problems_.add(node.location, path, expansion.problem);
    for (const std::string& name : expansion.names) {
      copy.given = node.text;
      copy.quoted = false;  // the type comes from the key
      origin.variables.push_back(fmt::format(
          "{}=sha256:{}", name, sha256(expand_environment("${env:" + name + "}").text)));
    }
    copy.text = std::move(expansion.text);
    if (is_path && node.location.source && !copy.text.empty() && !copy.text.starts_with('/')) {
      const std::string& folder = node.location.source->directory;
      copy.text = join_path(folder, copy.text);
      if (!copy.given.empty()) copy.given = join_path(escape_environment(folder), copy.given);
    }
    return copy;
  }

  // Looks for the key that was meant, the surest guess first: another tool's name, the same name in
  // another section, a near name in this section, a near name in any section.
  std::string hint_for(const std::string& key, const std::string& name,
                       const std::set<std::string, std::less<>>& siblings) const {
    if (options_.advise) {
      if (const auto advice = options_.advise(key)) return *advice;
    }
    for (const std::string& known : options_.all_keys) {
      if (last_part(known) == name && known.find("[]") == std::string::npos) {
        return did_you_mean(known);
      }
    }
    const std::vector<std::string> near(siblings.begin(), siblings.end());
    if (const auto sibling = nearest(name, near)) return did_you_mean(path_.of(*sibling));
    std::vector<std::string> names;
    for (const std::string& known : options_.all_keys) names.emplace_back(last_part(known));
    if (const auto far = nearest(name, names)) {
      for (const std::string& known : options_.all_keys) {
        if (last_part(known) == *far) return did_you_mean(known);
      }
    }
    return "";
  }

  const ParseOptions& options_;
  Origins& origins_;
  Problems& problems_;
  std::vector<Open> open_;
  KeyPath path_;
};

}  // namespace

void parse(const Node& root, const Fields& fields, const ParseOptions& options, Origins& origins,
           Problems& problems) {
  Parser parser(root, options, origins, problems);
  fields(parser);
  parser.refuse_unknown();
}

}  // namespace llmops::config
