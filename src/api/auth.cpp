// SPDX-License-Identifier: MIT
#include "api/auth.hpp"

#include "tap/base/text.hpp"

#include <boost/beast/core/string.hpp>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <string>

namespace tap::api {

Auth::Auth(std::string_view password) {
  if (!password.empty()) expected_ = digest(base64(as_bytes("admin:" + std::string(password))));
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
          .headers = {{"Www-Authenticate", "Basic realm=\"admin\", charset=\"UTF-8\""}},
          .error = {}};
}

Auth::Digest Auth::digest(std::string_view text) {
  Digest out{};
  EVP_Digest(text.data(), text.size(), out.data(), nullptr, EVP_sha256(), nullptr);
  return out;
}

}  // namespace tap::api
