#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/text.h"
#include "weights/safetensors.h"
#include "weights/safetensors_header.h"

namespace llmops::weights {
namespace {

void read_at(int fd, std::uint64_t offset, std::span<std::byte> out, const std::string& path) {
  while (!out.empty()) {
    const ssize_t count = llmops::detail::retry(
        [&] { return ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset)); });
    if (count < 0) throw system_error("cannot read", path, errno, ExitCode::kDamaged);
    if (count == 0) throw damaged("the file became shorter while it was read").at(path);
    out = out.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
}

std::uint64_t little_endian(const std::array<std::byte, 8>& bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 8; i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(bytes[i]);
  return value;
}

}  // namespace

SafetensorsFile::SafetensorsFile(std::string path) : path_(std::move(path)) {
  std::uint64_t size = 0;
  llmops::detail::Descriptor file(llmops::detail::open_regular(path_, ExitCode::kDamaged, size));
  std::array<std::byte, 8> prefix{};
  if (size < prefix.size())
    throw damaged("{} bytes are too few for a safetensors file", size).at(path_);
  read_at(file.get(), 0, prefix, path_);
  const std::uint64_t header_bytes = little_endian(prefix);
  if (header_bytes > kMaxHeaderBytes) {
    throw damaged("a header of {} bytes is over the limit of {}", header_bytes, kMaxHeaderBytes)
        .at(path_)
        .hint("is this a safetensors file?");
  }
  if (header_bytes > size - prefix.size()) {
    throw damaged("the header of {} bytes is longer than the file", header_bytes).at(path_);
  }
  std::string json(static_cast<std::size_t>(header_bytes), '\0');
  read_at(file.get(), prefix.size(), std::as_writable_bytes(std::span(json)), path_);
  data_start_ = prefix.size() + header_bytes;
  tensors_ = parse_header(json, size - data_start_, path_);
  by_name_.resize(tensors_.size());
  std::iota(by_name_.begin(), by_name_.end(), std::size_t{0});
  std::sort(by_name_.begin(), by_name_.end(),
            [this](std::size_t a, std::size_t b) { return tensors_[a].name < tensors_[b].name; });
  fd_ = file.release();
}

SafetensorsFile::~SafetensorsFile() {
  if (fd_ >= 0) ::close(fd_);
}

SafetensorsFile::SafetensorsFile(SafetensorsFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      data_start_(other.data_start_),
      tensors_(std::move(other.tensors_)),
      by_name_(std::move(other.by_name_)) {}

const TensorInfo* SafetensorsFile::find(std::string_view name) const {
  const auto found =
      std::lower_bound(by_name_.begin(), by_name_.end(), name,
                       [this](std::size_t i, std::string_view n) { return tensors_[i].name < n; });
  if (found == by_name_.end() || tensors_[*found].name != name) return nullptr;
  return &tensors_[*found];
}

void SafetensorsFile::read(const TensorInfo& tensor, std::uint64_t offset,
                           std::span<std::byte> out) const {
  LLMOPS_CHECK(fd_ >= 0, "the file was moved away");
  const std::uint64_t bytes = tensor.end - tensor.begin;
  LLMOPS_CHECK(offset <= bytes && out.size() <= bytes - offset, tensor.name);
  read_at(fd_, data_start_ + tensor.begin + offset, out, path_);
}

std::string SafetensorsFile::read_start() const {
  LLMOPS_CHECK(fd_ >= 0, "the file was moved away");
  std::string bytes(static_cast<std::size_t>(data_start_), '\0');
  read_at(fd_, 0, std::as_writable_bytes(std::span(bytes)), path_);
  return bytes;
}

}  // namespace llmops::weights
