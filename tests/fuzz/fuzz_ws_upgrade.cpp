// SPDX-License-Identifier: MIT
// Answers to the asking for a WebSocket: what is agreed to says all that RFC 6455 wants, and the plain form of it is
// agreed to. The key, then lines of headers; an @ stands for the proof of the key, as OpenSSL has it.
#include "tap/base/text.hpp"

#include "fuzz/fuzz.hpp"
#include "net/ws_upgrade.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <string>

using namespace tap;

namespace {

std::string proof_of(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  ::SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::array<unsigned char, 32> encoded;
  const int size = ::EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(digest.size()));
  return {encoded.begin(), encoded.begin() + size};
}

net::Response answer_of(std::string_view lines, const std::string& proof) {
  net::Response response{.status = 101};
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    std::string value;
    for (const char c : line.substr(colon + 1)) value += c == '@' ? proof : std::string(1, c);
    response.headers[std::string(line.substr(0, colon))] = value;
  }
  return response;
}

bool is_token_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("!#$%&'*+-.^_`|~").contains(c);
}

/// What follows a word is not looked at, up to the next comma.
bool lists_upgrade(std::string_view list) {
  for (;;) {
    const std::size_t comma = list.find(',');
    const std::string_view item = trim(list.substr(0, comma));
    const auto end = std::ranges::find_if_not(item, is_token_char);
    if (lower({item.begin(), end}) == "upgrade") return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

/// One word, or several behind a comma and a blank each.
bool is_plain(std::string_view list) {
  char before = ',';
  for (const char c : list) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c == ',' && before != ',' && before != ' ') && !(c == ' ' && before == ',')) return false;
    before = c;
  }
  return before != ',' && before != ' ';
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input({data, size});
  const std::string key(input.text());
  const std::string proof = proof_of(key);
  const net::Response response = answer_of(as_text(input.rest()), proof);
  const std::string& connection = response.header("connection");
  const bool right = lists_upgrade(connection) && lower(response.header("upgrade")) == "websocket" &&
                     response.header("sec-websocket-accept") == proof &&
                     response.header("sec-websocket-extensions").empty() &&
                     response.header("sec-websocket-protocol").empty();
  const bool agreed = net::check_upgrade(response, key).has_value();
  fuzz::require(right || !agreed);
  fuzz::require(agreed || !right || !is_plain(connection));
  return 0;
}
