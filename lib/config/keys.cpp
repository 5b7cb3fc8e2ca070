#include "config/keys.h"

#include "config/value.h"

namespace llmops::config {

namespace {

class Collector : public Visitor {
 public:
  std::vector<Key> all;

 protected:
  void leaf(std::string_view name, FieldRef field, std::string_view doc,
            const Rule& rule) override {
    Key& key = add(name, Key::Kind::kValue, doc);
    key.optional = is_optional(field);
    key.type = type_name(field);
    key.default_value = value_of(field);
    key.default_text = yaml_of(field);
    key.rule = rule;
  }
  bool enter(std::string_view name, std::string_view doc) override {
    add(name, Key::Kind::kSection, doc);
    path_.enter(name);
    return true;
  }
  bool enter_optional(std::string_view name, std::string_view doc, bool) override {
    add(name, Key::Kind::kSection, doc).optional = true;
    path_.enter(name);
    return true;
  }
  void leave() override { path_.leave(); }
  void sections(std::string_view name, const SectionList& list, std::string_view doc) override {
    add(name, Key::Kind::kSections, doc);
    list.append();
    path_.enter(std::string(name) + "[]");
    list.visit(list.size() - 1, *this);
    path_.leave();
  }

 private:
  Key& add(std::string_view name, Key::Kind kind, std::string_view doc) {
    Key key;
    key.path = path_.of(name);
    key.name = name;
    key.kind = kind;
    key.doc = doc;
    all.push_back(std::move(key));
    return all.back();
  }
  KeyPath path_;
};

}  // namespace

std::vector<Key> keys(const Fields& fields) {
  Collector collector;
  fields(collector);
  return std::move(collector.all);
}

std::string example_path(std::string_view path) {
  std::string example;
  for (std::size_t at = 0; at < path.size(); ++at) {
    if (path.substr(at, 2) == "[]") {
      example += ".0";
      ++at;
    } else {
      example += path[at];
    }
  }
  return example;
}

}  // namespace llmops::config
