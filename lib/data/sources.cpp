#include "data/sources.h"

#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "data/input_file.h"
#include "data/synth.h"

namespace llmops::data {

namespace {

constexpr int kMaxDepth = 32;  // of folders; a link may lead back up

constexpr std::pair<std::string_view, Format> kFormats[] = {
    {"txt", Format::kText}, {"jsonl", Format::kJsonLines}, {"json", Format::kJson},
    {"csv", Format::kCsv},  {"tsv", Format::kTsv},
};
// Endings of files that are text: notes, pages and programs.
constexpr std::string_view kTextEndings[] = {
    "md",  "markdown", "rst", "tex", "org", "html", "htm", "css", "c",   "h",    "cc",    "cpp",
    "cxx", "hpp",      "cu",  "cuh", "py",  "pyi",  "rs",  "go",  "js",  "mjs",  "ts",    "jsx",
    "tsx", "java",     "kt",  "cs",  "php", "rb",   "pl",  "lua", "sh",  "bash", "swift", "scala",
    "hs",  "ml",       "mli", "clj", "ex",  "exs",  "erl", "jl",  "r",   "R",    "m",     "f90",
    "el",  "lisp",     "scm", "zig", "v",   "sql",  "asm", "s",   "vim", "cmake"};

std::optional<Format> format_by_setting(std::string_view format) {
  for (const auto& [name, value] : kFormats) {
    if (name == format) return value;
  }
  return std::nullopt;
}

std::optional<Format> format_by_name(std::string_view path) {
  if (compression_of(path) == Compression::kGzip) path.remove_suffix(3);
  if (compression_of(path) == Compression::kZstd) path.remove_suffix(4);
  const std::size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view ending = path.substr(dot + 1);
  if (std::ranges::find(kTextEndings, ending) != std::end(kTextEndings)) return Format::kText;
  return format_by_setting(ending);
}

void list_folder(const std::string& folder, int depth, std::vector<std::string>& paths) {
  if (depth > kMaxDepth) {
    throw usage_error("folders nested deeper than {}", kMaxDepth)
        .at(folder)
        .hint("a link may lead back to a folder above it; name the folders below instead");
  }
  for (const std::string& name : list_directory(folder)) {
    if (name.starts_with('.')) continue;
    const std::string path = join_path(folder, name);
    if (is_directory(path)) {
      list_folder(path, depth + 1, paths);
    } else if (format_by_name(path)) {
      paths.push_back(path);
    }
  }
}

std::vector<std::string> match(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc; ++i) {
      if (!is_directory(found.gl_pathv[i])) paths.emplace_back(found.gl_pathv[i]);
    }
  }
  ::globfree(&found);
  return paths;
}

// The paths that a setting names: a file itself, the files of a folder, or what a pattern matches.
std::vector<std::string> find_paths(const std::string& path, std::string_view key) {
  std::vector<std::string> paths;
  if (is_directory(path)) {
    list_folder(path, 0, paths);
    if (paths.empty()) throw usage_error("{}: no file with a known ending in {}", key, path);
  } else if (path_exists(path)) {
    paths.push_back(path);
  } else if (path.find("**") != std::string::npos) {
    throw usage_error("{}: ** is not a pattern: {}", key, path)
        .hint("name the folder: all that is below it is read");
  } else {
    paths = match(path);
    if (paths.empty()) throw usage_error("{}: no such file: {}", key, path);
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<SourceFile> find_files(const recipe::Source& source, std::string_view key) {
  const bool typed = key.empty();  // on the command line
  const std::optional<Format> set = format_by_setting(source.format);
  if (typed && source.path == kStandardInput) {
    return {{source.path, set.value_or(Format::kText), 0, ""}};
  }
  std::vector<SourceFile> files;
  for (const std::string& path :
       find_paths(source.path, typed ? "--data" : fmt::format("{}.path", key))) {
    const std::optional<Format> format = set ? set : format_by_name(path);
    if (!format) {
      throw usage_error("cannot infer the format from the file name")
          .at(path)
          .hint(typed ? "add --format txt, jsonl, json, csv or tsv"
                      : fmt::format("set {}.format to txt, jsonl, json, csv or tsv", key));
    }
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
      throw system_error("cannot read", path, errno, ExitCode::kUsage);
    }
    if (!S_ISREG(status.st_mode)) throw usage_error("not a regular file").at(path);
    files.push_back({path, *format, status.st_size, file_stamp(path)});
  }
  return files;
}

// Throws Error(kUsage) for a setting that applies to no file of the source.
void check_settings(const ResolvedSource& source) {
  const std::string prefix = source.key.empty() ? "--" : source.key + ".";
  bool text = false, fields = false;
  for (const SourceFile& file : source.files) {
    (file.format == Format::kText ? text : fields) = true;
  }
  if (source.settings.document != "auto" && !text) {
    throw usage_error("{}document applies to txt only, and {} has fields", prefix, source.name);
  }
  if (source.settings.field != recipe::Source{}.field && !fields) {
    throw usage_error("{}field applies to json, jsonl, csv and tsv only, and {} is txt", prefix,
                      source.name);
  }
}

}  // namespace

std::string display_path(const std::string& path) {
  return path == kStandardInput ? "standard input" : path;
}

ResolvedSource resolve_source(const recipe::Source& source, std::string key) {
  ResolvedSource resolved;
  resolved.settings = source;
  resolved.key = std::move(key);
  if (source.synth) {
    resolved.name = "synth:" + source.synth->kind;
    resolved.bytes = synth_bytes_estimate(*source.synth);
    return resolved;
  }
  if (source.path.empty()) throw usage_error("{}: needs a path or a synth section", resolved.key);
  resolved.name = display_path(source.path);
  resolved.files = find_files(source, resolved.key);
  check_settings(resolved);
  for (const SourceFile& file : resolved.files) resolved.bytes += file.bytes;
  return resolved;
}

std::vector<ResolvedSource> resolve_sources(const recipe::Data& data) {
  if (data.train.empty()) throw usage_error("data.train: no source of text");
  std::vector<ResolvedSource> sources;
  for (std::size_t i = 0; i < data.train.size(); ++i) {
    sources.push_back(resolve_source(data.train[i], fmt::format("data.train.{}", i)));
  }
  for (std::size_t i = 0; i < data.eval.size(); ++i) {
    sources.push_back(resolve_source(data.eval[i], fmt::format("data.eval.{}", i)));
    sources.back().trains = false;
  }
  return sources;
}

}  // namespace llmops::data
