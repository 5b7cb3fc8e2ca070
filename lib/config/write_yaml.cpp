#include "config/write_yaml.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "config/value.h"

namespace llmops::config {

namespace {

struct Line {
  std::string text;
  std::string key;  // of a leaf; else empty
};

// Returns a text or list of texts as it was given. Numbers in a list have no quotes.
std::string as_written(const FieldRef& field, const Json& given) {
  if (given.is_string()) return yaml_string(given.as_string());
  const bool texts = type_name(field).ends_with("texts");
  std::vector<std::string> items;
  for (const Json& item : given.as_array()) {
    const std::string& text = item.as_string();
    const bool plain = !texts && text.find("${env:") == std::string::npos;
    items.push_back(plain ? text : yaml_string(text));
  }
  return "[" + join(items, ", ") + "]";
}

class Writer : public Visitor {
 public:
  explicit Writer(const Origins& origins) : origins_(origins) {}
  std::vector<Line> lines;

 protected:
  void leaf(std::string_view key, FieldRef field, std::string_view, const Rule&) override {
    const std::string path = path_.of(key);
    const auto origin = origins_.find(path);
    const bool written = origin != origins_.end() && !origin->second.given.is_null();
    const std::string value = written ? as_written(field, origin->second.given) : yaml_of(field);
    add(fmt::format("{}: {}", key, value), path);
  }
  bool enter(std::string_view key, std::string_view) override {
    add(fmt::format("{}:", key), "");
    path_.enter(key);
    ++depth_;
    return true;
  }
  bool enter_optional(std::string_view key, std::string_view doc, bool present) override {
    if (present) return enter(key, doc);
    add(fmt::format("{}: null", key), "");
    return false;
  }
  void leave() override {
    path_.leave();
    --depth_;
  }
  void sections(std::string_view key, const SectionList& list, std::string_view) override {
    if (list.size() == 0) {
      add(fmt::format("{}: []", key), path_.of(key));
      return;
    }
    enter(key, "");
    ++depth_;
    for (std::size_t i = 0; i < list.size(); ++i) {
      path_.enter(fmt::format("{}", i));
      first_of_item_ = true;
      list.visit(i, *this);
      path_.leave();
    }
    --depth_;
    leave();
  }

 private:
  void add(std::string text, std::string key) {
    std::string indent(2 * depth_, ' ');
    if (first_of_item_) indent[indent.size() - 2] = '-';
    first_of_item_ = false;
    lines.push_back({indent + text, std::move(key)});
  }

  const Origins& origins_;
  KeyPath path_;
  std::size_t depth_ = 0;
  bool first_of_item_ = false;
};

std::vector<Line> lines_of(const Fields& fields, const Origins& origins) {
  Writer writer(origins);
  fields(writer);
  return std::move(writer.lines);
}

const Origin* origin_of(const Line& line, const Origins& origins) {
  const auto found = origins.find(line.key);
  return found == origins.end() ? nullptr : &found->second;
}

}  // namespace

std::string write_yaml(const Fields& fields, const Origins& origins) {
  std::string text;
  for (const Line& line : lines_of(fields, origins)) {
    text += line.text;
    const Origin* origin = origin_of(line, origins);
    if (origin != nullptr && !origin->variables.empty()) {
      text += "  # " + join(origin->variables, " ");
    }
    text += '\n';
  }
  return text;
}

std::string write_yaml_with_origins(const Fields& fields, const Origins& origins) {
  constexpr std::size_t kWidest = 60;  // a longer line does not move the column
  const std::vector<Line> lines = lines_of(fields, origins);
  std::size_t column = 0;
  for (const Line& line : lines) {
    const std::size_t width = display_width(line.text);
    if (width <= kWidest) column = std::max(column, width);
  }
  std::string text;
  for (const Line& line : lines) {
    text += line.text;
    if (!line.key.empty()) {
      const Origin* origin = origin_of(line, origins);
      const std::size_t width = display_width(line.text);
      text += std::string(column + 2 - std::min(width, column), ' ') + "# ";
      text += origin == nullptr ? "default" : origin->location.text();
      if (origin != nullptr) {
        for (const std::string& variable : origin->variables) text += " " + variable;
      }
    }
    text += '\n';
  }
  return text;
}

}  // namespace llmops::config
