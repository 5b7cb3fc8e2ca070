#include "config/load.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "config/yaml.h"

namespace llmops::config {

namespace {

constexpr std::size_t kMaxExtends = 16;

std::string read_settings(const std::string& path) {
  return read_file(path, YamlLimits::kMaxBytes, ExitCode::kUsage);
}

std::string directory_of(const std::string& path) {
  const std::string parent = parent_path(path);
  return parent == "." ? "" : parent;
}

// Reads a text and, by recursion, the files that it extends. `chain` holds the absolute paths of
// the files on the way here, to find cycles.
Node read_chain(const std::string& text, const Source& source, std::vector<std::string> chain,
                Problems& problems) {
  Node root = parse_yaml(text, std::make_shared<Source>(source), problems);
  if (root.kind != Node::Kind::kMap) {
    problems.add(root.location, "", fmt::format("expected keys, found {}", root.kind_name()));
    return Node{Node::Kind::kMap, root.location, "", false, {}, {}, ""};
  }
  const Node* extends = root.find("extends");
  if (extends == nullptr) return root;
  const Node base = *extends;
  root.remove("extends");
  const auto refuse = [&](std::string_view message) {
    problems.add(base.location, "extends", message);
    return root;
  };
  if (base.kind == Node::Kind::kNull) return root;
  if (base.kind != Node::Kind::kScalar || base.text.empty()) return refuse("expected one file");
  const std::string path = join_path(source.directory, base.text);
  const std::string absolute = absolute_path(path);
  if (std::find(chain.begin(), chain.end(), absolute) != chain.end()) {
    return refuse("the files extend each other in a circle");
  }
  if (chain.size() >= kMaxExtends) {
    return refuse(fmt::format("more than {} files extend each other", kMaxExtends));
  }
  chain.push_back(absolute);
  try {
    const Source base_source{path, directory_of(path)};
    Node merged = read_chain(read_settings(path), base_source, std::move(chain), problems);
    merge(merged, std::move(root));
    return merged;
  } catch (const Error& error) {
    return refuse(error.what());
  }
}

}  // namespace

LoadedFile load_file(const std::string& path, Problems& problems) {
  LoadedFile file;
  file.text = read_settings(path);
  file.root = read_chain(file.text, {path, directory_of(path)}, {absolute_path(path)}, problems);
  return file;
}

LoadedFile load_text(std::string text, const Source& source, Problems& problems) {
  LoadedFile file;
  file.text = std::move(text);
  file.root = read_chain(file.text, source, {}, problems);
  return file;
}

}  // namespace llmops::config
