// The manifest of a checkpoint: as it stands, and with the digest that fits it, which no mutation
// would find.
#include "checkpoint/manifest.h"

#include "base/file.h"
#include "base/hash.h"
#include "tests/fuzz/fuzz.h"

using llmops::Json;
using llmops::fuzz::require;
using llmops::fuzz::returns;
using namespace llmops::checkpoint;

namespace {

void read(std::string_view text) {
  const std::string path = llmops::fuzz::file_of(kManifestFile, text);
  const std::string folder = llmops::parent_path(path);
  Manifest manifest;
  if (!returns([&] { manifest = read_manifest(folder); })) return;
  llmops::fuzz::file_of(kManifestFile, manifest_text(manifest));
  const Manifest again = read_manifest(folder);
  require(manifest_text(again) == manifest_text(manifest), "what is written is read as the same");
  compare_files(folder, manifest);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = llmops::fuzz::text_of(data, size);
  read(text);
  Json json;
  if (!returns([&] { json = llmops::parse_json(text, "m"); }) || !json.is_object()) return 0;
  std::erase_if(json.as_object(), [](const Json::Member& m) { return m.first == "sha256"; });
  const std::string digest = llmops::sha256(json.dump(2));
  read(json.set("sha256", digest).dump(2));
  return 0;
}
