#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "data/documents.h"
#include "recipe/recipe.h"
#include "tests/temporary_directory.h"

namespace llmops::data {

// A folder that is gone after the test.
class Scratch {
 public:
  std::string path(std::string_view name = "") const { return folder_.file(name); }
  // Writes a file, over one that is there.
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
  TemporaryDirectory folder_;
};

inline recipe::Source source(const std::string& path) {
  recipe::Source source;
  source.path = path;
  return source;
}

inline recipe::Source synth_source(const std::string& kind, std::int64_t documents) {
  recipe::Source source;
  source.synth.emplace();
  source.synth->kind = kind;
  source.synth->documents = documents;
  return source;
}

// The documents of a source as strings.
inline std::vector<std::string> documents_of(const recipe::Source& source) {
  class Collector : public DocumentSink {
   public:
    void text(std::string_view piece) override { open += piece; }
    void end_document() override { documents.push_back(std::exchange(open, "")); }
    std::vector<std::string> documents;
    std::string open;
  };
  Collector collector;
  read_documents(resolve_source(source, "data.train.0"), collector);
  return collector.documents;
}

}  // namespace llmops::data
