#include "recipe/reference.h"

#include <fmt/format.h>

#include "config/keys.h"
#include "config/reference.h"
#include "config/schema.h"
#include "recipe/peer_keys.h"
#include "recipe/recipe.h"

namespace llmops::recipe {

namespace {

constexpr std::string_view kIntroduction = R"(# Recipes

<!-- Made by `llmops recipe schema --markdown`; do not edit. -->

A recipe is one YAML file that says everything about a run. `llmops recipe list` names the recipes
that the program carries, `llmops recipe copy NAME FILE` writes one down to be changed,
`llmops recipe validate FILE` lists all that is wrong with one, and `llmops recipe show FILE` prints
it with every default filled in and the place each value comes from.

- An unknown key is an error that names the nearest known one; so is a key that stands twice. The
  names of other tools are answered with ours (last section).
- `key.sub=value` after the recipe on the command line, or `--set key.sub=value`, lays a value on
  it. `data.train.0.path=x.txt` reaches into a list, `key=null` takes a value back to its default. A
  value that begins with a quote, `[` or `{` is read as YAML; any other stands for itself. The value
  of an option of its own, such as `--name`, is text as it is typed.
- `extends: base.yaml` lays the recipe on another file: sections are merged key by key, lists and
  values are replaced.
- Numbers may be written `3e-4`, `1_000_000` and `10%`; durations `90s`, `90m`, `1.5h`, `2d`.
- `${env:NAME}` stands for an environment variable, quoted or not; the key decides the type. The run
  keeps the text as written and a digest of the value. `$${env:NAME}` is the text `${env:NAME}`.
  Credentials written out are refused.
- Input paths in a file are relative to that file; paths on the command line, `output_dir` and
  `data.cache_dir` are relative to the working directory.

The role of a key says what a change of it does to a run. *identity*: it changes the result; a
resumed run refuses it. *horizon*: it changes how far the run goes. *operational*: neither. Files
are identified by the digest of their content, so that a path is operational.

)";

}  // namespace

std::string reference_page() {
  std::string page(kIntroduction);
  page += config::markdown_reference(recipe_keys());
  page += "\n## Names of other tools\n\n| theirs | ours |\n|---|---|\n";
  for (const PeerKey& key : peer_keys()) {
    page += fmt::format("| `{}` | `{}` |\n", key.theirs, key.ours);
  }
  return page;
}

Json schema() {
  return config::json_schema(recipe_keys(), "llmops recipe");
}

}  // namespace llmops::recipe
