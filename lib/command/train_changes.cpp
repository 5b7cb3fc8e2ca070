#include "command/train_changes.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "config/identity.h"
#include "config/settings.h"

namespace llmops::command {

namespace {

// A typing error would otherwise allow nothing, in silence.
void check_allowed_keys(const TrainOptions& options, const TrainSetup& setup,
                        const std::vector<config::Change>& changes) {
  std::vector<std::string> known;
  for (const auto& change : changes) known.push_back(change.key);
  const Json identity = setup.identity_json();
  for (const auto& [key, value] : identity.as_object()) known.push_back(key);
  for (const auto& setting : config::settings(config::fields_of(setup.recipe()))) {
    if (setting.role == config::Role::kIdentity) known.push_back(setting.key);
  }
  for (const std::string& key : options.allow_change) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const auto near = nearest(key, known);
    throw usage_error("--allow-change {}: no key whose change is refused", key)
        .hint(near ? fmt::format("did you mean {}?", *near)
                   : "see the roles in docs/recipe-keys.md");
  }
}

std::string shown(const Json& value) {
  constexpr std::size_t kMost = 60;
  if (value.is_null()) return "(default)";
  const std::string text = printable(value.is_string() ? value.as_string() : value.dump());
  if (text.size() <= kMost) return text;
  std::size_t end = kMost - 3;
  while (end > 0 && (text[end] & '\xc0') == '\x80') --end;  // not within a code point
  return text.substr(0, end) + "...";
}

}  // namespace

Changes changes_since(const std::string& folder, const TrainOptions& options,
                      const TrainSetup& setup) {
  const checkpoint::Manifest manifest = checkpoint::read_manifest(folder);
  const Json& saved = manifest.info.at("identity");
  if (saved.find("digest.code") != nullptr) {
    throw damaged("the checkpoint was written by an earlier version of llmops")
        .at(folder)
        .hint("resume it with that version, or start a new run");
  }
  const auto all = config::identity_changes(saved, setup.identity_json(), recipe::recipe_keys());
  check_allowed_keys(options, setup, all);
  Changes changes;
  for (const config::Change& change : all) {
    const bool is_allowed =
        std::ranges::find(options.allow_change, change.key) != options.allow_change.end();
    if (is_allowed && change.key == "train.freeze") {
      throw usage_error("train.freeze: the optimizer knows only what has trained so far")
          .hint("start a new run with model.path=" + folder);
    }
    (is_allowed ? changes.allowed : changes.refused)
        .push_back(
            fmt::format("{}: {} -> {}", change.key, shown(change.before), shown(change.after)));
  }
  return changes;
}

}  // namespace llmops::command
