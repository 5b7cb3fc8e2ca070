#include "record/ulid.h"

#include <sys/random.h>

#include <cerrno>

#include "base/error.h"

namespace llmops::record {

std::string make_ulid(std::int64_t unix_ms) {
  constexpr char kDigits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  unsigned char random[16];  // one character each
  if (::getrandom(random, sizeof(random), 0) != sizeof(random)) {
    throw system_error("cannot read", "random bytes", errno);
  }
  std::string id(26, '0');
  auto time = static_cast<std::uint64_t>(unix_ms) & 0xffff'ffff'ffff;
  for (std::size_t i = 10; i-- > 0; time >>= 5) id[i] = kDigits[time & 31];
  for (std::size_t i = 0; i < sizeof(random); ++i) id[10 + i] = kDigits[random[i] & 31];
  return id;
}

}  // namespace llmops::record
