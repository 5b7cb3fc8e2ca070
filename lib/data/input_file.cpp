#include "data/input_file.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/signal.h"
#include "data/sources.h"

namespace llmops::data {

namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 16;
constexpr int kPollMs = 200;
constexpr std::int64_t kMaxExpansion = 1000;
constexpr std::int64_t kAlwaysAllowed = std::int64_t{64} << 20;

Error damaged_file(const std::string& path, std::string_view what) {
  return usage_error("{}", what).at(path).hint("the compressed file is damaged or incomplete");
}

}  // namespace

Compression compression_of(std::string_view path) {
  if (path.ends_with(".gz")) return Compression::kGzip;
  if (path.ends_with(".zst")) return Compression::kZstd;
  return Compression::kNone;
}

// Decompresses a stream that arrives in pieces. Concatenated members are one text, as the formats
// define it.
class InputFile::Decoder {
 public:
  virtual ~Decoder() = default;
  // Consumes from `input` and appends to `out` until the input is used up or `out` is full.
  virtual void expand(std::string_view& input, std::string& out) = 0;
  virtual bool at_end() const = 0;  // between two members
};

class InputFile::GzipDecoder : public Decoder {
 public:
  explicit GzipDecoder(std::string path) : path_(std::move(path)) {
    LLMOPS_CHECK(inflateInit2(&stream_, 15 + 16) == Z_OK);
  }
  ~GzipDecoder() override { inflateEnd(&stream_); }

  void expand(std::string_view& input, std::string& out) override {
    const std::size_t old_size = out.size();
    out.resize(kBlockBytes);
    stream_.next_out = reinterpret_cast<Bytef*>(out.data() + old_size);
    stream_.avail_out = static_cast<uInt>(kBlockBytes - old_size);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    stream_.avail_in = static_cast<uInt>(input.size());
    int status = Z_OK;
    while (stream_.avail_out > 0 && (stream_.avail_in > 0 || status == Z_OK)) {
      if (ended_ && stream_.avail_in > 0) {
        inflateReset(&stream_);
        ended_ = false;
      }
      status = inflate(&stream_, Z_NO_FLUSH);
      if (status == Z_STREAM_END) {
        ended_ = true;
      } else if (status == Z_BUF_ERROR) {
        break;
      } else if (status != Z_OK) {
        throw damaged_file(path_, "not valid gzip data");
      }
    }
    input.remove_prefix(input.size() - stream_.avail_in);
    out.resize(kBlockBytes - stream_.avail_out);
  }
  bool at_end() const override { return ended_; }

 private:
  std::string path_;
  z_stream stream_{};
  bool ended_ = false;
};

class InputFile::ZstdDecoder : public Decoder {
 public:
  explicit ZstdDecoder(std::string path) : path_(std::move(path)), stream_(ZSTD_createDStream()) {
    LLMOPS_CHECK(stream_ != nullptr);
  }
  ~ZstdDecoder() override { ZSTD_freeDStream(stream_); }

  void expand(std::string_view& input, std::string& out) override {
    const std::size_t old_size = out.size();
    out.resize(kBlockBytes);
    ZSTD_outBuffer to{out.data(), out.size(), old_size};
    ZSTD_inBuffer from{input.data(), input.size(), 0};
    for (std::size_t before = to.size; to.pos < to.size && (from.pos < from.size || !at_end());) {
      const std::size_t status = ZSTD_decompressStream(stream_, &to, &from);
      if (ZSTD_isError(status)) throw damaged_file(path_, "not valid zstd data");
      ended_ = status == 0;
      if (to.pos == before && from.pos == from.size) break;
      before = to.pos;
    }
    input.remove_prefix(from.pos);
    out.resize(to.pos);
  }
  bool at_end() const override { return ended_; }

 private:
  std::string path_;
  ZSTD_DStream* stream_;
  bool ended_ = false;
};

struct InputFile::State {
  std::string path;
  int fd = -1;
  std::int64_t consumed = 0, produced = 0;
  std::unique_ptr<Decoder> decoder;
  std::string raw;
  std::string_view waiting;  // of raw, not yet expanded

  ~State() {
    if (fd >= 0) ::close(fd);
  }
  bool fill(std::string& block) {
    block.resize(kBlockBytes);
    if (path == kStandardInput) wait_for_input();
    const ssize_t count = detail::retry([&] { return ::read(fd, block.data(), block.size()); });
    if (count < 0) throw system_error("cannot read", path, errno, ExitCode::kUsage);
    block.resize(static_cast<std::size_t>(count));
    consumed += count;
    return count > 0;
  }
  // The writer of a pipe may be slow; a stop request must not wait for it.
  void wait_for_input() const {
    pollfd input{fd, POLLIN, 0};
    while (::poll(&input, 1, kPollMs) <= 0) throw_if_stop_requested("reading the data");
  }
};

InputFile::InputFile(const std::string& path) : state_(std::make_unique<State>()) {
  state_->path = path;
  if (path == kStandardInput) {
    state_->fd = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (state_->fd < 0) throw usage_error("the standard input is closed");
    return;
  }
  std::uint64_t size = 0;
  state_->fd = detail::open_regular(path, ExitCode::kUsage, size);
  const Compression compression = compression_of(path);
  if (compression == Compression::kGzip) state_->decoder = std::make_unique<GzipDecoder>(path);
  if (compression == Compression::kZstd) state_->decoder = std::make_unique<ZstdDecoder>(path);
}

InputFile::~InputFile() = default;

std::int64_t InputFile::consumed() const {
  return state_->consumed - static_cast<std::int64_t>(state_->waiting.size());
}

bool InputFile::read(std::string& block) {
  fault_point("data.read");
  throw_if_stop_requested("reading the data");
  State& s = *state_;
  if (!s.decoder) return s.fill(block);
  block.clear();
  for (;;) {
    s.decoder->expand(s.waiting, block);
    if (!block.empty()) break;
    if (!s.waiting.empty()) throw damaged_file(s.path, "no progress in compressed data");
    if (!s.fill(s.raw)) {
      if (!s.decoder->at_end()) throw damaged_file(s.path, "ends within compressed data");
      return false;
    }
    s.waiting = s.raw;
  }
  s.produced += static_cast<std::int64_t>(block.size());
  if (s.produced > std::max(kAlwaysAllowed, kMaxExpansion * s.consumed)) {
    throw usage_error("expands to more than {} times its size", kMaxExpansion).at(s.path);
  }
  return true;
}

}  // namespace llmops::data
