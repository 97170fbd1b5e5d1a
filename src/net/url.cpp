// SPDX-License-Identifier: MIT
#include "tap/net/url.hpp"

#include "tap/base/text.hpp"
#include "tap/net/error.hpp"

#include <algorithm>

namespace tap::net {
namespace {

constexpr std::size_t kMaxUrl = 8192;

std::uint16_t default_port(std::string_view scheme) { return scheme == "https" || scheme == "wss" ? 443 : 80; }

/// No white space or control characters: they would change the meaning of a request line.
bool is_clean(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; });
}

bool is_host(std::string_view host) {
  return !host.empty() && host.size() <= 253 && std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == ':';
  });
}

/// host[:port], the host perhaps in brackets.
Result<void> read_authority(std::string_view text, Url& url) {
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return fail(Errc::bad_url, "unclosed bracket");
    url.host = lower(text.substr(1, end - 1));
    port = text.substr(end + 1);
  } else {
    const std::size_t colon = text.find(':');
    url.host = lower(text.substr(0, colon));
    if (url.host.find(':') != std::string::npos) return fail(Errc::bad_url, "bad host");
    port = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
  }
  if (!is_host(url.host)) return fail(Errc::bad_url, "bad host");
  if (port.empty()) return {};
  if (port.front() != ':') return fail(Errc::bad_url, "bad port");
  port.remove_prefix(1);
  if (port.empty()) return {};
  url.port = parse_decimal<std::uint16_t>(port).value_or(0);
  if (url.port == 0) return fail(Errc::bad_url, "bad port");
  return {};
}

/// RFC 3986, 5.2.4, for a path that begins with a slash.
std::string without_dots(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const std::string_view segment = path.substr(0, path.find('/', 1));
    path.remove_prefix(segment.size());
    const bool up = segment == "/..";
    if (up) out.resize(out.empty() ? 0 : out.rfind('/'));
    if (!up && segment != "/.") out += segment;
    if ((up || segment == "/.") && path.empty()) out += '/';
  }
  return out;
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  if (text.size() > kMaxUrl || !is_clean(text)) return fail(Errc::bad_url);
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) return fail(Errc::bad_url, "no scheme");
  Url url;
  url.scheme = lower(text.substr(0, colon));
  if (url.scheme != "http" && url.scheme != "https" && url.scheme != "ws" && url.scheme != "wss") {
    return fail(Errc::bad_url, "unsupported scheme");
  }
  url.port = default_port(url.scheme);
  std::string_view rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  const std::size_t path = rest.find_first_of("/?");
  std::string_view authority = rest.substr(0, path);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    url.userinfo = percent_decode(authority.substr(0, at));
    authority.remove_prefix(at + 1);
  }
  if (auto read = read_authority(authority, url); !read) return std::unexpected(read.error());
  return path == std::string_view::npos ? url : url.with_target(rest.substr(path));
}

Result<Url> Url::resolve(std::string_view location) const {
  if (location.size() > kMaxUrl || !is_clean(location)) return fail(Errc::bad_url);
  const std::size_t mark = location.find_first_of(":/?#");
  if (mark != std::string_view::npos && location[mark] == ':') return parse(location);
  if (location.starts_with("//")) return parse(scheme + ":" + std::string(location));
  location = location.substr(0, location.find('#'));
  if (location.empty()) return *this;
  std::string path = target.substr(0, target.find('?'));
  const std::size_t query = std::min(location.find('?'), location.size());
  if (query > 0) {
    const std::string kept = location.starts_with('/') ? "" : path.substr(0, path.rfind('/') + 1);
    path = without_dots(kept + std::string(location.substr(0, query)));
  }
  return with_target(path + std::string(location.substr(query)));
}

std::string Url::origin() const { return scheme + "://" + authority(); }

std::string Url::authority() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == default_port(scheme) ? name : name + ":" + std::to_string(port);
}

Url Url::with_target(std::string_view path_and_query) const {
  Url url = *this;
  url.target = path_and_query.starts_with('/') ? std::string(path_and_query) : "/" + std::string(path_and_query);
  return url;
}

Url Url::websocket() const {
  Url url = *this;
  if (scheme == "http") url.scheme = "ws";
  if (scheme == "https") url.scheme = "wss";
  return url;
}

Url Url::http() const {
  Url url = *this;
  if (url.scheme == "ws") url.scheme = "http";
  if (url.scheme == "wss") url.scheme = "https";
  return url;
}

std::string encode_query(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~' || c == ':';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 15];
    }
  }
  return out;
}

}  // namespace tap::net
