#include "base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "base/file_descriptor.h"

namespace llmops {

struct Sha256::State {
  EVP_MD_CTX* context = nullptr;
  State() {
    // Reading openssl.cnf costs a millisecond and changes nothing about a digest.
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
    context = EVP_MD_CTX_new();
    LLMOPS_CHECK(context != nullptr && EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1);
  }
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::string_view bytes) {
  LLMOPS_CHECK(state_ != nullptr, "finish() was called");
  LLMOPS_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

void Sha256::update(std::span<const std::byte> bytes) {
  update(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

std::string Sha256::finish() {
  LLMOPS_CHECK(state_ != nullptr, "finish() was called");
  unsigned char digest[32];
  LLMOPS_CHECK(EVP_DigestFinal_ex(state_->context, digest, nullptr) == 1);
  state_.reset();
  std::string text(64, '0');
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (std::size_t i = 0; i < 32; ++i) {
    text[2 * i] = kDigits[digest[i] >> 4];
    text[2 * i + 1] = kDigits[digest[i] & 15];
  }
  return text;
}

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

std::string sha256_file(const std::string& path) {
  std::uint64_t size = 0;
  const detail::Descriptor file(detail::open_regular(path, ExitCode::kDamaged, size));
  Sha256 hash;
  std::vector<char> block(std::size_t{1} << 20);
  for (;;) {
    const ssize_t count =
        detail::retry([&] { return ::read(file.get(), block.data(), block.size()); });
    if (count < 0) throw system_error("cannot read", path, errno, ExitCode::kDamaged);
    if (count == 0) return hash.finish();
    hash.update(std::string_view(block.data(), static_cast<std::size_t>(count)));
  }
}

}  // namespace llmops
