#include <fcntl.h>
#include <stdio.h>

#include <cerrno>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/manifest.h"
#include "checkpoint/output_folder.h"

namespace llmops::checkpoint {
namespace {

void require_space(const std::string& output_dir, std::uint64_t needed) {
  const std::uint64_t free = free_bytes(output_dir);
  if (needed <= free) return;
  throw Error(ExitCode::kStorage, fmt::format("a checkpoint needs {}, {} are free",
                                              format_bytes(static_cast<double>(needed)),
                                              format_bytes(static_cast<double>(free))))
      .at(output_dir)
      .hint("free space, then resume from the newest checkpoint");
}

// Puts `temporary` in the place of an existing `final`, which is left under `temporary`. Where the
// file system cannot exchange two names, the old folder has for a moment a name
// that remove_leftovers() moves back.
void replace(const std::string& temporary, const std::string& final_name,
             const std::string& aside) {
  pass("checkpoint.exchange", "cannot publish", final_name);
  if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, final_name.c_str(), RENAME_EXCHANGE) ==
      0) {
    sync_directory(parent_path(final_name));
    remove_all(temporary);
    return;
  }
  if (errno != EINVAL && errno != ENOSYS) throw system_error("cannot publish", final_name, errno);
  rename_durably(final_name, aside);
  rename_durably(temporary, final_name);
  remove_all(aside);
}

}  // namespace

CheckpointWriter::CheckpointWriter(std::string output_dir, std::int64_t step,
                                   std::uint64_t expected_bytes)
    : output_dir_(std::move(output_dir)),
      temporary_(join_path(output_dir_, staging_name(step, Staging::kWriting))),
      final_(join_path(output_dir_, checkpoint_name(step))) {
  LLMOPS_CHECK(step >= 0);
  manifest_.step = step;
  if (!is_directory(output_dir_)) {
    make_directories(output_dir_);
    sync_directory(parent_path(output_dir_));
  }
  remove_leftovers(output_dir_);
  require_space(output_dir_, expected_bytes);
  pass("checkpoint.create", "cannot create", temporary_);
  make_directories(join_path(temporary_, "state"));
}

CheckpointWriter::~CheckpointWriter() {
  if (published_) return;
  try {
    remove_all(temporary_);
  } catch (const Error&) {
    // The next writer removes it.
  }
}

void CheckpointWriter::add(const std::string& name, const std::string& digest) {
  LLMOPS_CHECK(!published_ && is_file_name(name) && name != kManifestFile, name);
  pass("checkpoint.file", "cannot write", name);
  const std::string file = join_path(temporary_, name);
  std::error_code error;
  FileEntry entry;
  entry.bytes = std::filesystem::file_size(file, error);
  if (error) throw system_error("cannot examine", file, error.value());
  entry.sha256 = digest.empty() ? sha256_file(file) : digest;
  LLMOPS_CHECK(manifest_.files.emplace(name, std::move(entry)).second, name);
}

void CheckpointWriter::write(const std::string& name, std::string_view content) {
  LLMOPS_CHECK(is_file_name(name), name);
  const std::string file = join_path(temporary_, name);
  make_directories(parent_path(file));
  FileWriter writer(file);
  writer.write(content);
  writer.close();
  add(name, sha256(content));
}

std::string CheckpointWriter::publish(SavedRun run) {
  LLMOPS_CHECK(!published_);
  const auto problems = compare_files(temporary_, manifest_);
  LLMOPS_CHECK(problems.empty(), join(problems, "; "));
  const auto earlier = list_checkpoints(output_dir_);
  manifest_.sequence = earlier.empty() ? 1 : earlier.back().sequence() + 1;
  manifest_.run = std::move(run);

  pass("checkpoint.manifest", "cannot write", temporary_);
  FileWriter writer(join_path(temporary_, kManifestFile));
  writer.write(manifest_text(manifest_));
  writer.close();
  pass("checkpoint.sync", "cannot sync", temporary_);
  sync_folders(temporary_);

  pass("checkpoint.rename", "cannot publish", final_);
  if (path_exists(final_)) {
    replace(temporary_, final_,
            join_path(output_dir_, staging_name(manifest_.step, Staging::kReplaced)));
  } else {
    rename_durably(temporary_, final_);
  }
  published_ = true;
  pass("checkpoint.latest", "cannot write", output_dir_);
  write_file_durably(join_path(output_dir_, kLatestFile), base_name(final_) + "\n");
  return final_;
}

}  // namespace llmops::checkpoint
