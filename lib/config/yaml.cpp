#include "config/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <optional>
#include <sstream>

#include "base/text.h"

// The only file that knows yaml-cpp. Its events are used, not its tree: the tree keeps the first of
// two equal keys, accepts cycles and expands aliases without a bound.
namespace llmops::config {

namespace {

// An error after which the rest of the text cannot be read.
struct Refusal {
  SourceLocation location;
  std::string message;
};

class Builder : public YAML::EventHandler {
 public:
  Builder(std::shared_ptr<const Source> source, Problems& problems)
      : source_(std::move(source)), problems_(problems) {}

  Node root;

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) refuse(mark, "a second document; a file holds one");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(mark, anchor, make(mark, Node::Kind::kNull));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node = make(mark, Node::Kind::kScalar);
    node.text = value;
    node.quoted = tag != "?";  // "!" is yaml-cpp's tag of a quoted scalar
    if (!tag.empty() && tag != "?" && tag != "!" && tag != "tag:yaml.org,2002:str")
      refuse_tag(mark);
    add(mark, anchor, std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) refuse(mark, "an alias inside the value that it names");
    count(mark, known->second.nodes - 1);
    add(mark, YAML::NullAnchor, known->second.node);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::kList);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::kMap);
  }
  void OnMapEnd() override { close(); }

  [[noreturn]] void refuse(const YAML::Mark& mark, std::string message) const {
    throw Refusal{location(mark), std::move(message)};
  }

 private:
  struct Open {
    Node node;
    YAML::anchor_t anchor;
    std::size_t nodes_before;
    std::optional<std::string> key;  // map: the key whose value comes next
    SourceLocation key_location;
  };
  struct Anchored {
    Node node;
    std::size_t nodes;
  };

  SourceLocation location(const YAML::Mark& mark) const {
    return {source_, mark.line + 1, mark.column + 1};
  }

  Node make(const YAML::Mark& mark, Node::Kind kind) const {
    Node node;
    node.kind = kind;
    node.location = location(mark);
    return node;
  }

  [[noreturn]] void refuse_tag(const YAML::Mark& mark) const {
    refuse(mark, "tags have no meaning here");
  }

  void count(const YAML::Mark& mark, std::size_t nodes) {
    nodes_ += nodes;
    if (nodes_ > YamlLimits::kMaxNodes) {
      refuse(mark, fmt::format("more than {} values (aliases expanded)", YamlLimits::kMaxNodes));
    }
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            Node::Kind kind) {
    if (!tag.empty() && tag != "?" && tag != "!") refuse_tag(mark);
    if (wants_key()) refuse(mark, "a key must be text");
    if (open_.size() >= YamlLimits::kMaxDepth) {
      refuse(mark, fmt::format("nested deeper than {} levels", YamlLimits::kMaxDepth));
    }
    count(mark, 1);
    open_.push_back({make(mark, kind), anchor, nodes_ - 1, std::nullopt, {}});
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    if (done.anchor != YAML::NullAnchor) {
      anchors_[done.anchor] = {done.node, nodes_ - done.nodes_before};
    }
    add_value(std::move(done.node));
  }

  // A scalar, a null or an expanded alias.
  void add(const YAML::Mark& mark, YAML::anchor_t anchor, Node node) {
    if (wants_key()) {
      take_key(mark, node);
      return;
    }
    count(mark, 1);
    if (anchor != YAML::NullAnchor) anchors_[anchor] = {node, 1};
    add_value(std::move(node));
  }

  bool wants_key() const {
    return !open_.empty() && open_.back().node.kind == Node::Kind::kMap && !open_.back().key;
  }

  void take_key(const YAML::Mark& mark, const Node& node) {
    if (node.kind != Node::Kind::kScalar) refuse(mark, "a key must be text");
    open_.back().key = node.text;
    open_.back().key_location = location(mark);
  }

  void add_value(Node node) {
    if (open_.empty()) {
      root = std::move(node);
    } else if (Open& parent = open_.back(); parent.node.kind == Node::Kind::kList) {
      parent.node.items.push_back(std::move(node));
    } else {
      add_member(parent, std::move(node));
      parent.key.reset();
    }
  }

  void add_member(Open& map, Node value) {
    if (*map.key == "<<") {
      problems_.add(map.key_location, "<<", "merge keys are not read", "use extends");
    } else if (map.node.find(*map.key) != nullptr) {
      problems_.add(map.key_location, path_of(map), "the key appears twice in this section");
    } else {
      map.node.set(*map.key, map.key_location, std::move(value));
    }
  }

  // Returns the key that `map` is at, with the sections around it.
  std::string path_of(const Open& map) const {
    std::string path;
    for (const Open& around : open_) {
      if (&around != &map && around.key) path += *around.key + ".";
      if (around.node.kind == Node::Kind::kList) {
        path += fmt::format("{}.", around.node.items.size());
      }
    }
    return printable(path + *map.key);
  }

  std::shared_ptr<const Source> source_;
  Problems& problems_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::size_t nodes_ = 0;
  int documents_ = 0;
};

// Returns a message about bytes that a YAML file must not hold, else an empty text. yaml-cpp
// accepts invalid UTF-8 and stops reading at a 0x04.
std::string unreadable_bytes(std::string_view text) {
  if (text.size() > YamlLimits::kMaxBytes) {
    return fmt::format("larger than {} bytes", YamlLimits::kMaxBytes);
  }
  for (const std::string_view mark : {"\xff\xfe", "\xfe\xff"}) {
    if (text.starts_with(mark)) return "byte 0: UTF-16 text; save the file as UTF-8";
  }
  if (const auto at = invalid_utf8(text)) return fmt::format("byte {}: not valid UTF-8", *at);
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f) {
      return fmt::format("byte {}: control byte 0x{:02x}", at, byte);
    }
  }
  return "";
}

}  // namespace

Node parse_yaml(std::string_view text, std::shared_ptr<const Source> source, Problems& problems) {
  Builder builder(source, problems);
  builder.root.kind = Node::Kind::kMap;
  builder.root.location = {source, 1, 1};
  if (const std::string message = unreadable_bytes(text); !message.empty()) {
    problems.add({source, 0, 0}, "", message);
    return builder.root;
  }
  std::istringstream stream{std::string(text)};
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refusal& refusal) {
    problems.add(refusal.location, "", refusal.message);
  } catch (const YAML::Exception& error) {
    problems.add({source, error.mark.line + 1, error.mark.column + 1}, "",
                 "not valid YAML: " + printable(error.msg));
  }
  if (builder.root.kind == Node::Kind::kNull) builder.root.kind = Node::Kind::kMap;
  return builder.root;
}

}  // namespace llmops::config
