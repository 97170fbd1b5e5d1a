// SPDX-License-Identifier: MIT
#include "tap/atproto/identifiers.hpp"

#include "tap/atproto/error.hpp"
#include "tap/base/text.hpp"

#include <algorithm>
#include <array>

namespace tap::atproto {
namespace {

constexpr std::size_t kMaxDid = 2048;
constexpr std::size_t kMaxHandle = 253;
constexpr std::size_t kMaxNsid = 317;
constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxRkey = 512;
constexpr std::size_t kTidSize = 13;
constexpr std::string_view kTidAlphabet = "234567abcdefghijklmnopqrstuvwxyz";

constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_alpha(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alnum(char c) { return is_alpha(c) || is_digit(c); }

/// 1 to 63 of [A-Za-z0-9-], no hyphen at either end.
bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kMaxLabel && label.front() != '-' && label.back() != '-' &&
         std::ranges::all_of(label, [](char c) { return is_alnum(c) || c == '-'; });
}

/// Cuts the piece before the first dot off `rest`; the last piece leaves `rest` empty.
std::string_view take_label(std::string_view& rest) {
  const std::size_t dot = rest.find('.');
  const std::string_view label = rest.substr(0, dot);
  rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
  return label;
}

/// The five-bit value of a TID character, or -1.
int tid_value(char c) {
  if (c >= '2' && c <= '7') return c - '2';
  if (is_lower(c)) return c - 'a' + 6;
  return -1;
}

}  // namespace

bool is_did(std::string_view text) {
  if (text.size() > kMaxDid || !text.starts_with("did:")) return false;
  const std::size_t colon = text.find(':', 4);
  if (colon == std::string_view::npos || colon == 4) return false;
  const std::string_view method = text.substr(4, colon - 4);
  const std::string_view identifier = text.substr(colon + 1);
  if (identifier.empty() || identifier.back() == ':' || identifier.back() == '%') return false;
  return std::ranges::all_of(method, is_lower) && std::ranges::all_of(identifier, [](char c) {
           return is_alnum(c) || c == '.' || c == '_' || c == ':' || c == '%' || c == '-';
         });
}

bool is_handle(std::string_view text) {
  if (text.size() > kMaxHandle || text.empty() || text.back() == '.') return false;
  std::size_t labels = 0;
  std::string_view last;
  for (std::string_view rest = text; !rest.empty(); ++labels) {
    last = take_label(rest);
    if (!is_label(last)) return false;
  }
  return labels >= 2 && is_alpha(last.front());
}

bool is_nsid(std::string_view text) {
  if (text.size() > kMaxNsid || text.empty() || text.back() == '.') return false;
  std::size_t labels = 0;
  std::string_view last;
  for (std::string_view rest = text; !rest.empty(); ++labels) {
    last = take_label(rest);
    if (!is_label(last)) return false;
    if (labels == 0 && !is_alpha(last.front())) return false;
  }
  return labels >= 3 && is_alpha(last.front()) && std::ranges::all_of(last, is_alnum);
}

bool is_rkey(std::string_view text) {
  if (text.empty() || text.size() > kMaxRkey || text == "." || text == "..") return false;
  return std::ranges::all_of(
      text, [](char c) { return is_alnum(c) || c == '_' || c == '~' || c == '.' || c == ':' || c == '-'; });
}

bool has_reserved_tld(std::string_view handle) {
  static constexpr std::array<std::string_view, 8> kReserved = {"alt",     "arpa",  "example",   "internal",
                                                                "invalid", "local", "localhost", "onion"};
  const std::size_t dot = handle.rfind('.');
  const std::string tld = normalize_handle(dot == std::string_view::npos ? handle : handle.substr(dot + 1));
  return std::ranges::find(kReserved, tld) != kReserved.end();
}

std::string normalize_handle(std::string_view handle) { return lower(handle); }

Result<Did> Did::parse(std::string_view text) {
  if (!is_did(text)) return fail(Errc::bad_did, std::string(text.substr(0, 100)));
  return Did(std::string(text));
}

std::string_view Did::method() const {
  const std::string_view text = text_;
  return text.empty() ? text : text.substr(4, text.find(':', 4) - 4);
}

std::string_view Did::identifier() const {
  const std::string_view text = text_;
  return text.empty() ? text : text.substr(text.find(':', 4) + 1);
}

Result<RepoPath> parse_path(std::string_view path) {
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos) return fail(Errc::bad_path, "no slash");
  const RepoPath parts{path.substr(0, slash), path.substr(slash + 1)};
  if (!is_nsid(parts.collection)) return fail(Errc::bad_path, "collection is no NSID");
  if (!is_rkey(parts.rkey)) return fail(Errc::bad_path, "bad record key");
  return parts;
}

Result<Tid> Tid::parse(std::string_view text) {
  if (text.size() != kTidSize) return fail(Errc::bad_tid, std::string(text.substr(0, 100)));
  std::uint64_t value = 0;
  for (const char c : text) {
    const int digit = tid_value(c);
    if (digit < 0) return fail(Errc::bad_tid, std::string(text));
    value = (value << 5) | static_cast<std::uint64_t>(digit);
  }
  // 13 characters are 65 bits: the first must not use its highest.
  if (tid_value(text[0]) > 15) return fail(Errc::bad_tid, std::string(text));
  return Tid(value);
}

std::string Tid::str() const {
  std::string out(kTidSize, '2');
  std::uint64_t rest = value_;
  for (std::size_t i = kTidSize; i-- > 0; rest >>= 5) out[i] = kTidAlphabet[rest & 31];
  return out;
}

}  // namespace tap::atproto
