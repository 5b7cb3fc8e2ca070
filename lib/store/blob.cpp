#include "store/blob.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/secrets.h"

namespace llmops::store {

namespace {

constexpr std::size_t kInlineBytes = 16 << 10;
constexpr std::size_t kMaxBytes = std::size_t{1} << 30;

std::string blob_path(const Store& store, const std::string& sha256) {
  return join_path(join_path(join_path(store.folder(), "blobs"), sha256.substr(0, 2)), sha256);
}

void write_blob(const std::string& path, std::string_view content) {
  if (path_exists(path)) return;
  const std::string folder = parent_path(path);
  make_directories(folder);
  ::chmod(parent_path(folder).c_str(), 0700);
  const std::string temporary = fmt::format("{}.tmp.{}", path, ::getpid());
  ::unlink(temporary.c_str());
  FileWriter writer(temporary, 0600);
  writer.write(content);
  writer.close();
  rename_durably(temporary, path);
}

// Checks a digest before it becomes a path: the store may come from anywhere.
bool is_digest(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

std::string put_blob(Store& store, std::string_view given) {
  const std::string content = redact(given);
  const std::string digest = sha256(content);
  Statement known = store.database().prepare("SELECT 1 FROM blob WHERE sha256 = ?");
  if (known.bind(digest).step()) return digest;
  Statement insert =
      store.database().prepare("INSERT INTO blob(sha256, bytes, data) VALUES(?, ?, ?)");
  if (content.size() <= kInlineBytes) {
    insert.bind(digest, content.size(), Blob{content}).run();
  } else {
    write_blob(blob_path(store, digest), content);
    insert.bind(digest, content.size(), nullptr).run();
  }
  return digest;
}

std::string get_blob(Store& store, const std::string& digest) {
  if (!is_digest(digest)) throw damaged("{}: not a digest: '{}'", store.folder(), digest);
  Statement find = store.database().prepare("SELECT data FROM blob WHERE sha256 = ?");
  if (!find.bind(digest).step()) throw damaged("{}: blob {} is missing", store.folder(), digest);
  const std::string content =
      find.is_null(0) ? read_file(blob_path(store, digest), kMaxBytes, ExitCode::kDamaged)
                      : std::string(find.blob(0));
  if (sha256(content) != digest) {
    throw damaged("{}: blob {} does not match its digest", store.folder(), digest);
  }
  return content;
}

}  // namespace llmops::store
