#include "data/cache_folder.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/signal.h"
#include "data/synth.h"

namespace llmops::data {

namespace {

constexpr std::size_t kMaxJsonBytes = std::size_t{1} << 30;  // as a tokenizer.json, the largest
constexpr int kLockWaitMs = 200;

std::string name_of(std::string_view kind, const std::string& key, std::string_view ending) {
  return fmt::format("{}-{}.{}", kind, sha256(key).substr(0, 32), ending);
}

}  // namespace

std::string scan_name(const ResolvedSource& source) {
  Json key = Json::object();
  if (const auto& synth = source.settings.synth) {
    key.set("synth", synth->kind)
        .set("documents", synth->documents)
        .set("seed", synth->seed)
        .set("version", kSynthVersion);
  } else {
    key.set("document", source.settings.document).set("field", source.settings.field);
    Json files = Json::array();
    for (const SourceFile& file : source.files) {
      files.push(Json::object()
                     .set("path", absolute_path(file.path))
                     .set("format", static_cast<int>(file.format))
                     .set("stamp", file.stamp));
    }
    key.set("files", std::move(files));
  }
  return name_of("scan", key.dump(), "json");
}

std::string tokenizer_name(const recipe::Tokenizer& settings,
                           const std::vector<ScannedSource>& sources) {
  std::string key = fmt::format("{} 2\n", enum_name(settings.type));
  if (settings.type == recipe::TokenizerType::kBpe) key += fmt::format("{}\n", settings.vocab_size);
  for (const ScannedSource& source : sources) {
    if (!source.source.trains) continue;
    key += fmt::format("{} {} {}\n", source.digest, source.split.characters.value_or(-1),
                       source.split.documents);
  }
  return name_of("tokenizer", key, "json");
}

std::string token_cache_name(const ScannedSource& source, const std::string& tokenizer_digest,
                             bool append_eos) {
  return name_of("tokens",
                 fmt::format("{}\n{}\n{} {} {}\n", source.digest, tokenizer_digest, append_eos,
                             source.split.characters.value_or(-1), source.split.documents),
                 "bin");
}

bool is_unfinished(std::string_view name) {
  const bool ours =
      name.starts_with("scan-") || name.starts_with("tokenizer-") || name.starts_with("tokens-");
  return ours && (name.find(".json.tmp") != name.npos || name.find(".bin.tmp") != name.npos);
}

FileLock lock_cache_folder(const std::string& folder) {
  make_directories(folder);
  std::optional<FileLock> lock;
  while (!(lock = FileLock::acquire(join_path(folder, "lock"), kLockWaitMs))) {
    throw_if_stop_requested("waiting for another process that prepares data");
  }
  for (const std::string& name : list_directory(folder)) {
    if (is_unfinished(name)) remove_all(join_path(folder, name));
  }
  return std::move(*lock);
}

void write_cached_json(const std::string& path, const Json& value) {
  write_file_durably(path,
                     Json::object().set("sha256", sha256(value.dump())).set("value", value).dump());
}

std::optional<Json> read_cached_json(const std::string& path) {
  if (!path_exists(path)) return std::nullopt;
  try {
    const Json json = parse_json(read_file(path, kMaxJsonBytes), path);
    const Json& value = json.at("value");
    if (sha256(value.dump()) == json.at("sha256").as_string()) return value;
  } catch (const Error&) {
    // A damaged file counts as missing.
  }
  return std::nullopt;
}

std::unique_ptr<tokenizer::Tokenizer> find_tokenizer(const std::string& path) {
  const auto json = read_cached_json(path);
  return json ? tokenizer::read_tokenizer(*json, path) : nullptr;
}

void save_tokenizer(const std::string& path, const tokenizer::Tokenizer& tokenizer) {
  write_cached_json(path, tokenizer.to_json());
}

}  // namespace llmops::data
