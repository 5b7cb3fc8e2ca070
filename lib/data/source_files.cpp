#include "data/source_files.h"

#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "data/input_file.h"

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

}  // namespace

std::vector<SourceFile> find_files(const recipe::Source& source, std::string_view key) {
  const bool typed = key.empty();  // on the command line
  if (typed && source.path == kStandardInput) {
    return {{source.path, format_by_setting(source.format).value_or(Format::kText), 0, ""}};
  }
  const std::string path_key = typed ? "--data" : fmt::format("{}.path", key);
  std::vector<std::string> paths;
  if (is_directory(source.path)) {
    list_folder(source.path, 0, paths);
    if (paths.empty()) {
      throw usage_error("{}: no file with a known ending in {}", path_key, source.path);
    }
  } else if (path_exists(source.path)) {
    paths.push_back(source.path);
  } else {
    if (source.path.find("**") != std::string::npos) {
      throw usage_error("{}: ** is not a pattern: {}", path_key, source.path)
          .hint("name the folder: all that is below it is read");
    }
    paths = match(source.path);
    if (paths.empty()) throw usage_error("{}: no such file: {}", path_key, source.path);
  }
  std::sort(paths.begin(), paths.end());

  std::vector<SourceFile> files;
  for (const std::string& path : paths) {
    std::optional<Format> format = format_by_setting(source.format);
    if (!format) format = format_by_name(path);
    if (!format) {
      throw usage_error("the name does not tell the format")
          .at(path)
          .hint(typed ? "say --format txt, jsonl, json, csv or tsv"
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

}  // namespace llmops::data
