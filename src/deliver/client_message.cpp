// SPDX-License-Identifier: MIT
#include "deliver/client_message.hpp"

#include "tap/base/json_scanner.hpp"
#include "tap/base/text.hpp"

#include "deliver/error.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

namespace tap::deliver {
namespace {

using outbox::EventId;
using Token = JsonScanner::Token;

/// The very bytes that the official client sends.
std::optional<std::uint64_t> parse_plain_ack(std::string_view text) {
  constexpr std::string_view kBegin = R"({"type":"ack","id":)";
  if (!text.starts_with(kBegin) || !text.ends_with('}')) return std::nullopt;
  const std::string_view digits = text.substr(kBegin.size(), text.size() - kBegin.size() - 1);
  if (digits.starts_with('0')) return std::nullopt;
  return parse_decimal<std::uint64_t>(digits);
}

bool same_letters(std::string_view key, std::string_view name) {
  return std::ranges::equal(key, name, [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

}  // namespace

Result<std::optional<EventId>> parse_client_message(std::string_view text) {
  if (const auto id = parse_plain_ack(text)) return EventId{*id};

  JsonScanner scanner(text);
  std::string key, type;
  std::uint64_t id = 0;
  if (const Token first = scanner.next(); first != Token::begin_object && first != Token::null) {
    return fail(Errc::bad_message, first == Token::error ? scanner.error() : "not an object");
  }
  for (;;) {
    const std::size_t depth = scanner.depth();
    const Token token = scanner.next();
    if (token == Token::error) return fail(Errc::bad_message, scanner.error());
    if (token == Token::end) break;
    if (depth != 1 || token == Token::end_object || token == Token::null) continue;
    if (token == Token::key) {
      key = unquote_json(scanner.token());
    } else if (same_letters(key, "type")) {
      if (token != Token::string) return fail(Errc::bad_message, "type is not text");
      type = unquote_json(scanner.token());
    } else if (same_letters(key, "id")) {
      const auto number = token == Token::number ? parse_decimal<std::uint64_t>(scanner.token()) : std::nullopt;
      if (!number) return fail(Errc::bad_message, "id is not an id");
      id = *number;
    }
  }
  if (type != "ack" || id == 0) return std::nullopt;
  return EventId{id};
}

}  // namespace tap::deliver
