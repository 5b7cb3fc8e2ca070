#include "recipe/load.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "config/identity.h"
#include "config/load.h"
#include "config/overrides.h"
#include "config/parse.h"
#include "config/settings.h"
#include "config/write_yaml.h"
#include "recipe/peer_keys.h"
#include "recipe/shipped.h"

namespace llmops::recipe {

namespace {

config::LoadedFile read(const std::string& path, config::Problems& problems) {
  if (path.find('/') == std::string::npos && !path_exists(path)) {
    if (const Shipped* shipped = find_shipped(path)) {
      return config::load_text(std::string(shipped->text), {"recipe " + path, ""}, problems);
    }
    std::vector<std::string> names;
    for (const Shipped& recipe : shipped_recipes()) names.emplace_back(recipe.name);
    if (const auto near = nearest(path, names)) {
      throw usage_error("no such recipe: {}", printable(path)).hint("did you mean " + *near + "?");
    }
  }
  return config::load_file(path, problems);
}

config::ParseOptions parse_options(const std::vector<config::Key>& keys) {
  config::ParseOptions options;
  for (const config::Key& key : keys) options.all_keys.push_back(key.path);
  options.advise = advise_on_key;
  return options;
}

// Returns where to show a problem across sections: at the key it names, else at the section that
// holds it, else at the file.
config::SourceLocation location_of(std::string_view key, const config::Origins& origins,
                                   const config::SourceLocation& file) {
  for (;;) {
    const auto at = origins.lower_bound(key);
    if (at != origins.end() && at->first.starts_with(key)) return at->second.location;
    const std::size_t dot = key.rfind('.');
    if (dot == std::string_view::npos) return file;
    key = key.substr(0, dot);
  }
}

// The other sections that the rules of a section or key read.
constexpr std::pair<std::string_view, std::string_view> kReads[] = {
    {"eval", "data"},          {"model", "data"},         {"model", "tokenizer"},
    {"lr_scheduler", "train"}, {"train.freeze", "model"}, {"train.freeze", "tokenizer"}};

// Whether a key, or a section that its rule reads, has an error already. Then a failed rule may be
// only a result of that error, and is not reported.
bool is_doubtful(std::string_view key, const config::Problems& problems) {
  // Problems without a key are about a file that could not be read at all.
  if (problems.concerns("") || problems.concerns("extends")) return true;
  const std::string_view section = key.substr(0, key.find('.'));
  if (problems.concerns(section)) return true;
  return std::any_of(std::begin(kReads), std::end(kReads), [&](const auto& reads) {
    return (reads.first == section || reads.first == key) && problems.concerns(reads.second);
  });
}

void check_across_sections(LoadedRecipe& loaded, const config::SourceLocation& file) {
  std::vector<Problem> found = validate(loaded.recipe);
  std::erase_if(found, [&](const Problem& p) { return is_doubtful(p.key, loaded.problems); });
  for (const Problem& problem : found) {
    loaded.problems.add(location_of(problem.key, loaded.origins, file), problem.key,
                        problem.message);
  }
}

}  // namespace

const Json* LoadedRecipe::find_param(std::string_view key) const {
  for (const auto& [name, value] : params) {
    if (name == key) return &value;
  }
  return nullptr;
}

void LoadedRecipe::require_sound() const {
  if (!problems.empty()) throw Error(ExitCode::kUsage, join(problems.lines(), "\n"));
}

void describe(LoadedRecipe& loaded) {
  const config::Fields fields = config::fields_of(loaded.recipe);
  loaded.params.clear();
  for (config::Setting& setting : config::settings(fields, &loaded.origins)) {
    if (setting.value.is_null()) continue;
    loaded.params.emplace_back(std::move(setting.key), std::move(setting.value));
  }
  const Recipe decisive = canonical(loaded.recipe);
  loaded.identity.settings =
      config::identity(config::fields_of(decisive), recipe_keys(), loaded.origins);
  loaded.resolved = config::write_yaml(fields, loaded.origins);
}

LoadedRecipe load_recipe(const std::string& path, std::span<const std::string> overrides,
                         std::span<const config::TypedText> texts) {
  LoadedRecipe loaded;
  loaded.path = path;
  config::LoadedFile file = read(path, loaded.problems);
  loaded.given = std::move(file.text);
  config::apply_overrides(file.root, overrides, loaded.problems);
  config::apply_texts(file.root, texts, loaded.problems);
  const std::vector<config::Key> keys = recipe_keys();
  const config::Fields fields = config::fields_of(loaded.recipe);
  config::parse(file.root, fields, parse_options(keys), loaded.origins, loaded.problems);
  check_across_sections(loaded, {file.root.location.source, 0, 0});
  describe(loaded);
  return loaded;
}

}  // namespace llmops::recipe
