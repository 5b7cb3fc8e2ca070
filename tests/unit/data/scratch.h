#pragma once

#include <cstdlib>
#include <string>
#include <string_view>

#include "base/file.h"
#include "recipe/recipe.h"

namespace llmops::data {

// A folder that is gone after the test.
class Scratch {
 public:
  Scratch() {
    std::string pattern = "/tmp/llmops-data-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~Scratch() { remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::string path(std::string_view name = "") const { return path_ + "/" + std::string(name); }
  std::string write(std::string_view name, std::string_view content) const {
    const std::string file = path(name);
    make_directories(parent_path(file));
    write_file_durably(file, content);
    return file;
  }

  // A recipe that trains on these sources, with its cache in this folder.
  recipe::Recipe recipe(std::vector<recipe::Source> sources) const {
    recipe::Recipe recipe;
    recipe.data.train = std::move(sources);
    recipe.data.cache_dir = path("cache");
    return recipe;
  }

 private:
  std::string path_;
};

inline recipe::Source source(const std::string& path) {
  recipe::Source source;
  source.path = path;
  return source;
}

}  // namespace llmops::data
