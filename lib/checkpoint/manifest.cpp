#include "checkpoint/manifest.h"

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"

namespace llmops::checkpoint {
namespace {

constexpr std::string_view kFormat = "llmops-checkpoint-1";
constexpr const char* kDigest = "sha256";
constexpr std::size_t kMaxManifestBytes = std::size_t{16} << 20;
constexpr std::size_t kMaxFiles = 10'000;
constexpr std::size_t kMaxDepth = 8;

bool is_digest(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::int64_t count_of(const Json& json, std::string_view key) {
  const Json& value = json.at(key);
  if (!value.is_int() || value.as_int() < 0) throw damaged("{} is not a count", key);
  return value.as_int();
}

std::map<std::string, FileEntry> files_of(const Json& json) {
  if (json.size() > kMaxFiles) throw damaged("more than {} files", kMaxFiles);
  std::map<std::string, FileEntry> files;
  for (const auto& [name, entry] : json.as_object()) {
    if (!is_file_name(name)) throw damaged("\"{}\" is not a file name", printable(name));
    const std::string& digest = entry.at("sha256").as_string();
    if (!is_digest(digest)) throw damaged("{} has no digest", name);
    files[name] = {static_cast<std::uint64_t>(count_of(entry, "bytes")), digest};
  }
  return files;
}

SavedRun run_of(const Json& info) {
  SavedRun run;
  if (const Json* id = info.find("run"); id != nullptr && id->is_string()) run.id = id->as_string();
  if (const Json* saved = info.find("identity")) run.identity = recipe::Identity::from_json(*saved);
  if (const Json* plan = info.find("plan")) run.plan = *plan;
  return run;
}

Manifest parse(const std::string& text) {
  Json json = parse_json(text, "manifest");
  if (json.at("format") != Json(kFormat)) throw damaged("the format is not {}", kFormat);
  const std::string digest = json.at(kDigest).as_string();
  std::erase_if(json.as_object(), [](const Json::Member& m) { return m.first == kDigest; });
  if (sha256(json.dump(2)) != digest) throw damaged("the manifest does not match its digest");
  Manifest manifest;
  manifest.step = count_of(json, "step");
  manifest.sequence = count_of(json, "sequence");
  manifest.files = files_of(json.at("files"));
  manifest.run = run_of(json.at("info"));
  if (manifest.sequence < 1) throw damaged("sequence is not a count");
  return manifest;
}

}  // namespace

std::int64_t SavedRun::threads() const {
  return plan.at("threads").as_int();
}

std::optional<std::int64_t> SavedRun::total_steps() const {
  const Json* steps = plan.find("total_steps");
  return steps != nullptr ? std::optional(steps->as_int()) : std::nullopt;
}

std::string manifest_text(const Manifest& manifest) {
  Json::Object files;
  for (const auto& [name, entry] : manifest.files) {
    Json file = Json::object();
    file.set("bytes", static_cast<std::int64_t>(entry.bytes)).set("sha256", entry.sha256);
    files.emplace_back(name, std::move(file));
  }
  Json json = Json::object();
  json.set("format", kFormat)
      .set("step", manifest.step)
      .set("sequence", manifest.sequence)
      .set("files", std::move(files))
      .set("info", Json::object()
                       .set("run", manifest.run.id)
                       .set("identity", manifest.run.identity.to_json())
                       .set("plan", manifest.run.plan));
  const std::string digest = sha256(json.dump(2));
  return json.set(kDigest, digest).dump(2) + "\n";
}

Manifest read_manifest(const std::string& folder) {
  const std::string path = join_path(folder, kManifestFile);
  try {
    return parse(read_file(path, kMaxManifestBytes, ExitCode::kDamaged));
  } catch (const Error& error) {
    throw damaged("not a valid checkpoint: {}", error.what()).at(folder);
  }
}

bool is_file_name(std::string_view name) {
  if (name.empty() || name.size() > 1000 || invalid_utf8(name)) return false;
  if (printable(name) != name || name.find('\\') != std::string_view::npos) return false;
  const auto parts = split(name, '/');
  return std::none_of(parts.begin(), parts.end(), [](const std::string& part) {
    return part.empty() || part == "." || part == "..";
  });
}

std::vector<std::string> list_files(const std::string& folder) {
  std::vector<std::string> files, folders{""};
  while (!folders.empty()) {
    const std::string below = folders.back();
    folders.pop_back();
    for (const std::string& entry : list_directory(join_path(folder, below), ExitCode::kStorage)) {
      const std::string name = below.empty() ? entry : join_path(below, entry);
      const auto status = std::filesystem::symlink_status(join_path(folder, name));
      if (std::filesystem::is_directory(status)) {
        if (split(name, '/').size() > kMaxDepth) throw damaged("{}: too deep", printable(name));
        folders.push_back(name);
      } else if (std::filesystem::is_regular_file(status)) {
        if (name != kManifestFile) files.push_back(name);
      } else {
        throw damaged("{} is not a regular file", printable(name));
      }
      if (files.size() > kMaxFiles || folders.size() > kMaxFiles) {
        throw damaged("more than {} files", kMaxFiles);
      }
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<std::string> compare_files(const std::string& folder, const Manifest& manifest) {
  const std::vector<std::string> found = list_files(folder);
  std::vector<std::string> problems;
  for (const auto& [name, entry] : manifest.files) {
    if (!std::binary_search(found.begin(), found.end(), name)) {
      problems.push_back(name + " is missing");
      continue;
    }
    std::error_code error;
    const std::uint64_t bytes = std::filesystem::file_size(join_path(folder, name), error);
    if (error) {
      problems.push_back(name + ": " + error.message());
    } else if (bytes != entry.bytes) {
      problems.push_back(fmt::format("{} has {} bytes instead of {}", name, bytes, entry.bytes));
    }
  }
  for (const std::string& name : found) {
    if (!manifest.files.contains(name)) {
      problems.push_back(printable(name) + " is not in the manifest");
    }
  }
  return problems;
}

}  // namespace llmops::checkpoint
