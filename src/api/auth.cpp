// SPDX-License-Identifier: MIT
#include "api/auth.hpp"

#include <boost/beast/core/string.hpp>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <string>

namespace tap::api {
namespace {

std::string base64(std::string_view text) {
  std::string out((text.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

}  // namespace

Auth::Auth(std::string_view password) {
  if (!password.empty()) expected_ = digest(base64("admin:" + std::string(password)));
}

bool Auth::admits(std::string_view authorization) const {
  if (!expected_) return true;
  constexpr std::string_view kScheme = "Basic ";
  if (!boost::beast::iequals(authorization.substr(0, kScheme.size()), kScheme)) return false;
  // Digests are compared, so that the time tells neither content nor length.
  const Digest given = digest(authorization.substr(kScheme.size()));
  return CRYPTO_memcmp(given.data(), expected_->data(), given.size()) == 0;
}

Response Auth::unauthorized() {
  return {.status = 401,
          .content_type = "application/json",
          .body =
              "{\"error\":\"Unauthorized\",\"message\":\"atproto admin auth required, but missing or incorrect "
              "password\"}\n",
          .headers = {{"WWW-Authenticate", "Basic realm=\"admin\", charset=\"UTF-8\""}},
          .error = {}};
}

Auth::Digest Auth::digest(std::string_view text) {
  Digest out{};
  EVP_Digest(text.data(), text.size(), out.data(), nullptr, EVP_sha256(), nullptr);
  return out;
}

}  // namespace tap::api
