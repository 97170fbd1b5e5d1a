// SPDX-License-Identifier: MIT
#include "tap/atproto/cid.hpp"

#include "tap/atproto/error.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace tap::atproto {
namespace {

constexpr std::string_view kBase32 = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::size_t kTextSize = 59;

/// A digest object and its context per thread: EVP's implicit fetch takes a lock that threads fight for.
class Hasher {
 public:
  Digest operator()(ByteView bytes) {
    Digest digest;
    unsigned size = 0;
    if (EVP_DigestInit_ex2(context_.get(), method(), nullptr) != 1 ||
        EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1 ||
        EVP_DigestFinal_ex(context_.get(), digest.data(), &size) != 1 || size != digest.size()) {
      std::abort();  // SHA-256 in memory cannot fail but for lack of memory
    }
    return digest;
  }

 private:
  static const EVP_MD* method() {
    static EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    return fetched;
  }
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_{EVP_MD_CTX_new()};
};

/// The five-bit value of a base32 character, or -1.
int base32_value(char c) {
  if (c >= 'a' && c <= 'z') return c - 'a';
  if (c >= '2' && c <= '7') return c - '2' + 26;
  return -1;
}

}  // namespace

Digest sha256(ByteView bytes) {
  thread_local Hasher hasher;
  return hasher(bytes);
}

Result<Cid> Cid::from_bytes(ByteView bytes) {
  const bool form = bytes.size() == kBinarySize && bytes[0] == 0x01 && (bytes[1] == 0x71 || bytes[1] == 0x55) &&
                    bytes[2] == 0x12 && bytes[3] == 0x20;
  if (!form) return fail(Errc::bad_cid);
  Cid cid;
  cid.codec_ = static_cast<Codec>(bytes[1]);
  std::ranges::copy(bytes.subspan(4), cid.digest_.begin());
  return cid;
}

Result<Cid> Cid::parse(std::string_view text) {
  if (text.size() != kTextSize || text[0] != 'b') return fail(Errc::bad_cid);
  std::array<std::uint8_t, kBinarySize> bytes{};
  std::uint32_t bits = 0;
  int held = 0;
  std::size_t at = 0;
  for (const char c : text.substr(1)) {
    const int value = base32_value(c);
    if (value < 0) return fail(Errc::bad_cid);
    bits = (bits << 5) | static_cast<std::uint32_t>(value);
    held += 5;
    if (held >= 8) {
      held -= 8;
      bytes[at++] = static_cast<std::uint8_t>(bits >> held);
      bits &= (1U << held) - 1;
    }
  }
  if (bits != 0) return fail(Errc::bad_cid, "stray bits at the end");
  return from_bytes(bytes);
}

std::array<std::uint8_t, Cid::kBinarySize> Cid::bytes() const {
  std::array<std::uint8_t, kBinarySize> out{0x01, static_cast<std::uint8_t>(codec_), 0x12, 0x20};
  std::ranges::copy(digest_, out.begin() + 4);
  return out;
}

std::string Cid::str() const {
  std::string out;
  out.reserve(kTextSize);
  append_to(out);
  return out;
}

void Cid::append_to(std::string& out) const {
  out += 'b';
  append_base32(out, bytes());
}

void append_base32(std::string& out, ByteView bytes) {
  std::uint32_t bits = 0;
  int held = 0;
  for (const std::uint8_t byte : bytes) {
    bits = (bits << 8) | byte;
    held += 8;
    while (held >= 5) {
      held -= 5;
      out += kBase32[(bits >> held) & 31];
    }
    bits &= (1U << held) - 1;
  }
  if (held > 0) out += kBase32[(bits << (5 - held)) & 31];
}

}  // namespace tap::atproto
