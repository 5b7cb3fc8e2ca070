#include "data/token_cache.h"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/signal.h"

namespace llmops::data {

namespace {

static_assert(std::endian::native == std::endian::little,
              "numbers are written to the cache as they are in memory");

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

// The unit that is checked when it is read. Small, so that a short row costs one block.
constexpr std::size_t kBlockBytes = 4096;
constexpr std::size_t kSliceBytes = 256 * kBlockBytes;

std::uint64_t padded(std::uint64_t bytes) {
  return (bytes + 7) / 8 * 8;
}

TextCounts counts_of(std::uint64_t documents, std::uint64_t bytes, std::uint64_t tokens) {
  return {static_cast<std::int64_t>(documents), static_cast<std::int64_t>(bytes),
          static_cast<std::int64_t>(tokens)};
}

std::uint64_t token_bytes(const Footer& footer) {
  return (footer.train_tokens + footer.eval_tokens) * footer.width;
}

// Returns nothing when the size of the file does not agree with its footer.
std::optional<Footer> read_footer(const RandomAccessFile& file) {
  Footer footer;
  if (file.size() < sizeof(Footer)) return std::nullopt;
  const std::uint64_t begin = file.size() - sizeof(Footer);
  if (!file.read(begin, std::as_writable_bytes(std::span(&footer, 1)))) return std::nullopt;
  if (footer.magic != kMagic || (footer.width != 2 && footer.width != 4)) return std::nullopt;
  constexpr std::uint64_t kMax = std::uint64_t{1} << 48;  // keeps the sums below from wrapping
  for (const std::uint64_t count : {footer.train_documents, footer.train_tokens, footer.train_bytes,
                                    footer.eval_documents, footer.eval_tokens, footer.eval_bytes}) {
    if (count > kMax) return std::nullopt;
  }
  const std::uint64_t documents = footer.train_documents + footer.eval_documents;
  if (padded(token_bytes(footer)) + documents * 8 != begin) return std::nullopt;
  return footer;
}

// Checks the content of a file against its footer, block by block from the first to the last.
class ContentCheck {
 public:
  ContentCheck(const Footer& footer, std::int64_t vocab_size)
      : footer_(footer), vocab_size_(vocab_size) {}

  bool take(std::uint64_t offset, std::span<const std::byte> block) {
    const std::uint64_t tokens = token_bytes(footer_);
    const std::uint64_t table = padded(tokens);
    const std::uint64_t documents = footer_.train_documents + footer_.eval_documents;
    const auto part = [&](std::uint64_t begin, std::uint64_t end) {
      const auto within = [&](std::uint64_t position) {
        return std::clamp(position, offset, offset + block.size()) - offset;
      };
      return block.subspan(within(begin), within(end) - within(begin));
    };
    return ids_fit(part(0, tokens)) && starts_ascend(part(table, table + 8 * documents));
  }

 private:
  bool ids_fit(std::span<const std::byte> ids) const {
    return (footer_.width == 4 ? largest<std::uint32_t>(ids) : largest<std::uint16_t>(ids)) <
           vocab_size_;
  }

  template <typename Word>
  static std::int64_t largest(std::span<const std::byte> ids) {
    Word most = 0;
    for (std::size_t i = 0; i < ids.size(); i += sizeof(Word)) {
      Word id;
      std::memcpy(&id, ids.data() + i, sizeof(Word));
      most = std::max(most, id);
    }
    return most;
  }

  bool starts_ascend(std::span<const std::byte> table) {
    const std::uint64_t tokens = footer_.train_tokens + footer_.eval_tokens;
    for (std::size_t i = 0; i < table.size(); i += 8, ++document_) {
      std::uint64_t start = 0;
      std::memcpy(&start, table.data() + i, 8);
      if (start < last_start_ || start > tokens || (document_ == 0 && start != 0)) return false;
      if (document_ == footer_.train_documents && start != footer_.train_tokens) return false;
      last_start_ = start;
    }
    return true;
  }

  const Footer& footer_;
  std::int64_t vocab_size_;
  std::uint64_t document_ = 0, last_start_ = 0;
};

std::uint32_t block_sum(std::span<const std::byte> block) {
  return static_cast<std::uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(block.data()), static_cast<uInt>(block.size())));
}

}  // namespace

std::unique_ptr<TokenCache> TokenCache::open(const std::string& path, std::int64_t vocab_size) {
  if (!path_exists(path)) return nullptr;
  std::unique_ptr<TokenCache> cache(new TokenCache(path));
  return cache->check(vocab_size) ? std::move(cache) : nullptr;
}

bool TokenCache::check(std::int64_t vocab_size) {
  const auto footer = read_footer(file_);
  if (!footer) return false;
  wide_ = footer->width == 4;
  train_ = counts_of(footer->train_documents, footer->train_bytes, footer->train_tokens);
  eval_ = counts_of(footer->eval_documents, footer->eval_bytes, footer->eval_tokens);

  ContentCheck content(*footer, vocab_size);
  Sha256 hash;
  std::vector<std::byte> slice(kSliceBytes);
  const std::uint64_t hashed = file_.size() - kDigestBytes;
  for (std::uint64_t offset = 0; offset < file_.size(); offset += slice.size()) {
    throw_if_stop_requested("checking the token cache");
    slice.resize(std::min<std::uint64_t>(slice.size(), file_.size() - offset));
    if (!file_.read(offset, slice) || !content.take(offset, slice)) return false;
    const std::span<const std::byte> bytes(slice);
    if (offset < hashed) hash.update(bytes.first(std::min(bytes.size(), hashed - offset)));
    for (std::size_t at = 0; at < bytes.size(); at += kBlockBytes) {
      block_sums_.push_back(block_sum(bytes.subspan(at, std::min(kBlockBytes, bytes.size() - at))));
    }
  }
  digest_ = hash.finish();
  return digest_ == std::string_view(footer->digest.data(), footer->digest.size());
}

void TokenCache::read(std::uint64_t offset, std::span<std::byte> out) const {
  std::array<std::byte, kBlockBytes> buffer;
  while (!out.empty()) {
    const std::uint64_t index = offset / kBlockBytes, begin = index * kBlockBytes;
    const auto block =
        std::span(buffer).first(std::min<std::uint64_t>(kBlockBytes, file_.size() - begin));
    if (!file_.read(begin, block) || block_sum(block) != block_sums_[index]) {
      throw damaged("the token cache was changed while it was in use")
          .at(file_.path())
          .hint("start or resume the run again: the cache is built from the text");
    }
    const auto wanted = block.subspan(offset - begin);
    const std::size_t count = std::min(wanted.size(), out.size());
    std::copy_n(wanted.begin(), count, out.begin());
    out = out.subspan(count);
    offset += count;
  }
}

void TokenCache::copy(std::int64_t from, std::span<tokenizer::TokenId> out) const {
  const auto first = static_cast<std::uint64_t>(from);
  if (wide_) return read(4 * first, std::as_writable_bytes(out));
  std::vector<std::uint16_t> narrow(out.size());
  read(2 * first, std::as_writable_bytes(std::span(narrow)));
  std::copy(narrow.begin(), narrow.end(), out.begin());
}

std::vector<std::int64_t> TokenCache::starts(std::int64_t from, std::int64_t count,
                                             std::int64_t origin) const {
  std::vector<std::int64_t> result(static_cast<std::size_t>(count));
  const auto tokens = static_cast<std::uint64_t>(train_.tokens + eval_.tokens);
  const std::uint64_t table = padded(tokens * (wide_ ? 4 : 2));
  read(table + 8 * static_cast<std::uint64_t>(from), std::as_writable_bytes(std::span(result)));
  for (std::int64_t& start : result) start -= origin;
  return result;
}

std::vector<std::int64_t> TokenCache::train_starts() const {
  return starts(0, train_.documents, 0);
}
std::vector<std::int64_t> TokenCache::eval_starts() const {
  return starts(train_.documents, eval_.documents, train_.tokens);
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

void TokenCacheWriter::append(std::span<const tokenizer::TokenId> ids) {
  (in_eval_ ? eval_ : train_).tokens += static_cast<std::int64_t>(ids.size());
  if (wide_) {
    return write(
        {reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(tokenizer::TokenId)});
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

void TokenMemory::append(std::span<const tokenizer::TokenId> ids) {
  tokens_.insert(tokens_.end(), ids.begin(), ids.end());
  counts_.tokens += std::ssize(ids);
}

void TokenMemory::end_document() {
  starts_.push_back(std::exchange(next_start_, counts_.tokens));
  ++counts_.documents;
}

void TokenMemory::copy(std::int64_t from, std::span<tokenizer::TokenId> out) const {
  std::copy_n(tokens_.begin() + from, out.size(), out.begin());
}

}  // namespace llmops::data
