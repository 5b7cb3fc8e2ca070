#include "config/schema.h"

#include <map>

namespace llmops::config {

namespace {

Json base_type(std::string_view type) {
  if (type == "boolean") return "boolean";
  if (type == "integer") return "integer";
  if (type == "number") return Json(Json::Array{"number", "string"});  // "10%"
  if (type == "text") return "string";
  return Json(Json::Array{"number", "string"});  // a size or duration with or without its unit
}

void add_rule(const Rule& rule, Json& schema) {
  if (rule.low) schema.set(rule.open_low ? "exclusiveMinimum" : "minimum", *rule.low);
  if (rule.high) schema.set(rule.open_high ? "exclusiveMaximum" : "maximum", *rule.high);
  if (rule.longest > 0) schema.set("minLength", 1).set("maxLength", rule.longest);
  if (rule.choices.empty()) return;
  Json choices = Json::array();
  for (const std::string_view choice : rule.choices) choices.push(choice);
  schema.set("enum", std::move(choices));
}

Json value_schema(const Key& key) {
  constexpr std::string_view kListOf = "list of ";
  Json schema;
  if (key.type.starts_with(kListOf)) {
    Json items;
    const std::string_view element = key.type.substr(kListOf.size());
    items.set("type", base_type(element.substr(0, element.size() - 1)));  // without the plural s
    add_rule(key.rule, items);
    schema.set("type", "array").set("items", std::move(items));
  } else {
    schema.set("type", base_type(key.type));
    add_rule(key.rule, schema);
  }
  schema.set("description", key.doc);
  if (!key.default_value.is_null()) schema.set("default", key.default_value);
  if (!key.optional) return schema;
  Json nothing = Json().set("type", "null");
  return Json().set("anyOf", Json().push(std::move(schema)).push(std::move(nothing)));
}

Json object_schema(std::string_view doc) {
  Json schema = Json().set("type", "object");
  schema.set("description", doc);
  schema.set("properties", Json::object()).set("additionalProperties", false);
  return schema;
}

// The schema object of the section whose keys begin with `path` ("data.train[]").
Json* section_of(Json& root, std::string_view path) {
  Json* at = &root;
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    std::string_view part = path.substr(0, dot);
    path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
    const bool is_list = part.ends_with("[]");
    if (is_list) part.remove_suffix(2);
    const Json* child = at->at("properties").find(part);
    if (is_list) child = &child->at("items");
    at = const_cast<Json*>(child);
  }
  return at;
}

}  // namespace

Json json_schema(const std::vector<Key>& keys, std::string_view title) {
  Json root = Json().set("$schema", "https://json-schema.org/draft/2020-12/schema");
  root.set("title", title).set("type", "object").set("properties", Json::object());
  root.set("additionalProperties", false);
  for (const Key& key : keys) {
    const std::size_t parent_size = key.path.size() - key.name.size();
    const std::string_view parent(key.path.data(), parent_size == 0 ? 0 : parent_size - 1);
    Json schema;
    switch (key.kind) {
      case Key::Kind::kValue:
        schema = value_schema(key);
        break;
      case Key::Kind::kSection:
        schema = object_schema(key.doc);
        break;
      case Key::Kind::kSections:
        schema.set("type", "array").set("description", key.doc);
        schema.set("items", object_schema(key.doc));
        break;
    }
    Json& properties = const_cast<Json&>(section_of(root, parent)->at("properties"));
    properties.set(key.name, std::move(schema));
  }
  Json extends = Json().set("type", "string");
  extends.set("description", "A file whose settings lie under those of this one.");
  const_cast<Json&>(root.at("properties")).set("extends", std::move(extends));
  return root;
}

}  // namespace llmops::config
