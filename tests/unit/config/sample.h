#pragma once

#include <string>
#include <vector>

#include "config/keys.h"
#include "config/parse.h"
#include "config/settings.h"
#include "config/visitor.h"
#include "config/yaml.h"

// Settings with one key of every kind, for the tests of the views.
namespace llmops::config {

struct Part {
  std::string path = "none";
  double weight = 1;
  bool operator==(const Part&) const = default;
  void fields(Visitor& v) {
    v.field("path", path, "A file.", config::path().operational());
    v.field("weight", weight, "A weight.", above(0));
  }
};

struct Inner {
  std::int64_t count = 3;
  double rate = 0.5;
  std::string shape = "round";
  bool on = false;
  bool operator==(const Inner&) const = default;
  void fields(Visitor& v) {
    v.field("count", count, "A count.", between(1, 1000000));
    v.field("rate", rate, "A rate.", between_open(0, 1));
    v.field("shape", shape, "A shape.", one_of({"round", "square"}));
    v.field("on", on, "A switch.");
  }
};

struct Sample {
  std::string name = "x";
  Inner inner;
  std::optional<Inner> extra;
  std::vector<Part> parts;
  std::optional<std::int64_t> steps;
  std::vector<double> betas = {0.5, 0.25};
  std::vector<std::string> tags;
  std::optional<Duration> limit;
  bool operator==(const Sample&) const = default;
  void fields(Visitor& v) {
    v.field("name", name, "A name.", any().operational());
    v.section("inner", inner, "A section.");
    v.section("extra", extra, "A section that may be absent.");
    v.list("parts", parts, "Sections.");
    v.field("steps", steps, "A horizon.", at_least(1).horizon());
    v.field("betas", betas, "Numbers.", between_open(0, 1));
    v.field("tags", tags, "Texts.");
    v.field("limit", limit, "A duration.", above(0).operational());
  }
};

struct Parsed {
  Sample sample;
  Origins origins;
  Problems problems;
  std::vector<std::string> lines() const { return problems.lines(); }
};

inline Parsed parse_sample(std::string_view text, const std::string& directory = "") {
  Parsed parsed;
  const auto source = std::make_shared<Source>(Source{"f.yaml", directory});
  const Node root = parse_yaml(text, source, parsed.problems);
  ParseOptions options;
  Sample defaults;
  for (const Key& key : keys(fields_of(defaults))) options.all_keys.push_back(key.path);
  parse(root, fields_of(parsed.sample), options, parsed.origins, parsed.problems);
  return parsed;
}

}  // namespace llmops::config
