// SPDX-License-Identifier: MIT
#include "api/letter_selection.hpp"

#include "tap/base/json_scanner.hpp"
#include "tap/base/text.hpp"

#include "api/json.hpp"

#include <cstdint>

namespace tap::api {
namespace {

using Token = JsonScanner::Token;

/// Takes one value of the member `key`; false when it is none that the member may have.
bool take(LetterSelection& selection, std::string_view key, Token token, std::string_view text) {
  if (key == "all") {
    selection.all = text == "true";
    return token == Token::boolean;
  }
  if (key == "dids") {
    if (token == Token::string) selection.dids.push_back(unquote_json(text));
    return token == Token::string;
  }
  const auto id = parse_decimal<std::uint64_t>(text);
  if (id) selection.ids.insert(outbox::EventId{*id});
  return id.has_value();
}

bool is_bracket(Token token) {
  return token == Token::begin_object || token == Token::end_object || token == Token::begin_array ||
         token == Token::end_array;
}

}  // namespace

std::expected<LetterSelection, std::string> parse_letter_selection(std::string_view body) {
  LetterSelection selection;
  std::string key;
  JsonScanner scanner(body);
  for (;;) {
    const std::size_t depth = scanner.depth();
    const Token token = scanner.next();
    if (token == Token::error) return std::unexpected(syntax_error(scanner));
    if (token == Token::end) break;
    if (token == Token::key && depth == 1) {
      key = unquote_json(scanner.token());
      continue;
    }
    const bool is_list = key == "ids" || key == "dids";
    if ((!is_list && key != "all") || is_bracket(token)) continue;
    if (depth != (is_list ? 2 : 1) || !take(selection, key, token, scanner.token())) {
      return std::unexpected("ids must be a list of numbers, dids one of texts, all true or false");
    }
  }
  if (selection.empty()) return std::unexpected("no dead letters named: give ids, dids or all");
  return selection;
}

}  // namespace tap::api
