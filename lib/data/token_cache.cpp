#include "data/token_cache.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.h"
#include "base/signal.h"

namespace llmops::data {

namespace {

static_assert(std::endian::native == std::endian::little,
              "the cache is written as memory holds it");

constexpr std::array<char, 8> kMagic{'l', 'l', 'm', 't', 'o', 'k', '0', '2'};

struct Footer {
  std::array<char, 8> magic = kMagic;
  std::uint64_t width = 2;  // bytes per token
  std::uint64_t train_documents = 0, train_tokens = 0, train_bytes = 0;
  std::uint64_t eval_documents = 0, eval_tokens = 0, eval_bytes = 0;
  std::array<char, 64> digest{};  // of all before it
};
static_assert(sizeof(Footer) == 128);
constexpr std::size_t kDigestBytes = sizeof(Footer::digest);

std::uint64_t padded(std::uint64_t bytes) {
  return (bytes + 7) / 8 * 8;
}

SplitCount part(std::uint64_t documents, std::uint64_t tokens, std::uint64_t bytes) {
  return {static_cast<std::int64_t>(documents), static_cast<std::int64_t>(tokens),
          static_cast<std::int64_t>(bytes)};
}

// The footer of a file whose size agrees with it.
std::optional<Footer> read_footer(std::span<const std::byte> file) {
  Footer footer;
  if (file.size() < sizeof(Footer)) return std::nullopt;
  std::memcpy(&footer, file.data() + file.size() - sizeof(Footer), sizeof(Footer));
  if (footer.magic != kMagic || (footer.width != 2 && footer.width != 4)) return std::nullopt;
  constexpr std::uint64_t kMax = std::uint64_t{1} << 48;  // keeps the sums below from wrapping
  for (const std::uint64_t count :
       {footer.train_documents, footer.train_tokens, footer.eval_documents, footer.eval_tokens}) {
    if (count > kMax) return std::nullopt;
  }
  const std::uint64_t tokens = footer.train_tokens + footer.eval_tokens;
  const std::uint64_t documents = footer.train_documents + footer.eval_documents;
  if (padded(tokens * footer.width) + documents * 8 + sizeof(Footer) != file.size()) {
    return std::nullopt;
  }
  return footer;
}

bool starts_ascend(std::span<const std::byte> table, const Footer& footer) {
  std::uint64_t last = 0;
  const std::uint64_t tokens = footer.train_tokens + footer.eval_tokens;
  for (std::uint64_t i = 0; i < table.size() / 8; ++i) {
    std::uint64_t start = 0;
    std::memcpy(&start, table.data() + 8 * i, 8);
    if (start < last || start > tokens || (i == 0 && start != 0)) return false;
    if (i == footer.train_documents && start != footer.train_tokens) return false;
    last = start;
  }
  return true;
}

std::string digest_of(std::span<const std::byte> bytes) {
  constexpr std::size_t kSlice = std::size_t{64} << 20;
  Sha256 hash;
  while (!bytes.empty()) {
    throw_if_stop_requested("checking the token cache");
    const std::size_t size = std::min(kSlice, bytes.size());
    hash.update(bytes.first(size));
    bytes = bytes.subspan(size);
  }
  return hash.finish();
}

template <typename Word>
std::int64_t largest(const Word* words, std::int64_t count) {
  Word most = 0;
  for (std::int64_t i = 0; i < count; ++i) most = words[i] > most ? words[i] : most;
  return most;
}

}  // namespace

text::TokenId TokenView::operator[](std::int64_t i) const {
  return wide ? static_cast<const std::int32_t*>(data)[i]
              : text::TokenId{static_cast<const std::uint16_t*>(data)[i]};
}

void TokenView::copy(std::int64_t from, std::span<text::TokenId> out) const {
  if (wide) {
    std::memcpy(out.data(), static_cast<const std::int32_t*>(data) + from, out.size() * 4);
  } else {
    const std::uint16_t* source = static_cast<const std::uint16_t*>(data) + from;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = source[i];
  }
}

TokenView TokenView::sub(std::int64_t from, std::int64_t count) const {
  return {static_cast<const std::byte*>(data) + from * (wide ? 4 : 2), wide, count};
}

std::optional<TokenCache> TokenCache::open(const std::string& path, std::int64_t vocab_size) {
  TokenCache cache;
  cache.path_ = path;
  if (::stat(path.c_str(), &cache.opened_) != 0) return std::nullopt;
  cache.file_ = MappedFile(path);
  const std::span<const std::byte> bytes = cache.file_.bytes();
  const auto footer = read_footer(bytes);
  if (!footer) return std::nullopt;

  cache.digest_ = digest_of(bytes.first(bytes.size() - kDigestBytes));
  if (cache.digest_ != std::string_view(footer->digest.data(), footer->digest.size())) {
    return std::nullopt;
  }
  cache.train_ = part(footer->train_documents, footer->train_tokens, footer->train_bytes);
  cache.eval_ = part(footer->eval_documents, footer->eval_tokens, footer->eval_bytes);
  cache.tokens_ = {bytes.data(), footer->width == 4, cache.train_.tokens + cache.eval_.tokens};
  const std::int64_t most =
      footer->width == 4
          ? largest(reinterpret_cast<const std::uint32_t*>(bytes.data()), cache.tokens_.size)
          : largest(reinterpret_cast<const std::uint16_t*>(bytes.data()), cache.tokens_.size);
  const std::size_t table = padded(static_cast<std::uint64_t>(cache.tokens_.size) * footer->width);
  if (most >= vocab_size ||
      !starts_ascend(bytes.subspan(table, bytes.size() - sizeof(Footer) - table), *footer)) {
    return std::nullopt;
  }
  return cache;
}

std::vector<std::int64_t> TokenCache::starts(std::int64_t from, std::int64_t count,
                                             std::int64_t origin) const {
  std::vector<std::int64_t> result(static_cast<std::size_t>(count));
  const std::size_t table =
      padded(static_cast<std::uint64_t>(tokens_.size) * (tokens_.wide ? 4 : 2));
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t& start = result[static_cast<std::size_t>(i)];
    std::memcpy(&start, file_.bytes().data() + table + 8 * static_cast<std::size_t>(from + i), 8);
    start -= origin;
  }
  return result;
}

std::vector<std::int64_t> TokenCache::train_starts() const {
  return starts(0, train_.documents, 0);
}
std::vector<std::int64_t> TokenCache::eval_starts() const {
  return starts(train_.documents, eval_.documents, train_.tokens);
}

void TokenCache::check_unchanged() const {
  struct stat now {};
  if (::stat(path_.c_str(), &now) != 0) return;
  if (now.st_dev != opened_.st_dev || now.st_ino != opened_.st_ino) return;
  if (now.st_size != opened_.st_size || now.st_mtim.tv_sec != opened_.st_mtim.tv_sec ||
      now.st_mtim.tv_nsec != opened_.st_mtim.tv_nsec) {
    throw failed("the token cache changed during the run").at(path_);
  }
}

TokenCacheWriter::TokenCacheWriter(const std::string& path, std::int64_t vocab_size)
    : path_(path),
      temporary_(path + ".tmp"),
      wide_(vocab_size > 65536),
      file_((::unlink(temporary_.c_str()), temporary_)) {}

void TokenCacheWriter::write(std::string_view bytes) {
  hash_.update(bytes);
  file_.write(bytes);
}

void TokenCacheWriter::append(std::span<const text::TokenId> ids) {
  (in_eval_ ? eval_ : train_).tokens += static_cast<std::int64_t>(ids.size());
  if (wide_) {
    return write({reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(text::TokenId)});
  }
  buffer_.resize(2 * ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto narrow = static_cast<std::uint16_t>(ids[i]);
    std::memcpy(buffer_.data() + 2 * i, &narrow, 2);
  }
  write(buffer_);
}

void TokenCacheWriter::end_document() {
  ++(in_eval_ ? eval_ : train_).documents;
  starts_.push_back(static_cast<std::uint64_t>(train_.tokens + eval_.tokens));
}

void TokenCacheWriter::add_bytes(std::int64_t bytes) {
  (in_eval_ ? eval_ : train_).bytes += bytes;
}

void TokenCacheWriter::begin_eval() {
  in_eval_ = true;
}

void TokenCacheWriter::finish() {
  const std::uint64_t written = file_.size();
  write(std::string(padded(written) - written, '\0'));
  starts_.pop_back();  // the end of the last document
  write({reinterpret_cast<const char*>(starts_.data()), starts_.size() * sizeof(std::uint64_t)});

  Footer footer;
  footer.width = wide_ ? 4 : 2;
  footer.train_documents = static_cast<std::uint64_t>(train_.documents);
  footer.train_tokens = static_cast<std::uint64_t>(train_.tokens);
  footer.train_bytes = static_cast<std::uint64_t>(train_.bytes);
  footer.eval_documents = static_cast<std::uint64_t>(eval_.documents);
  footer.eval_tokens = static_cast<std::uint64_t>(eval_.tokens);
  footer.eval_bytes = static_cast<std::uint64_t>(eval_.bytes);
  write({reinterpret_cast<const char*>(&footer), sizeof(Footer) - kDigestBytes});
  file_.write(hash_.finish());
  file_.close();
  rename_durably(temporary_, path_);
}

}  // namespace llmops::data
