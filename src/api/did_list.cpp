// SPDX-License-Identifier: MIT
#include "api/did_list.hpp"

#include "tap/base/json_scanner.hpp"

#include "api/json.hpp"

#include <boost/beast/core/string.hpp>
#include <fmt/format.h>

namespace tap::api {
namespace {

using Token = JsonScanner::Token;
constexpr std::size_t kShownDid = 100;

std::string_view kind(Token token) {
  switch (token) {
    case Token::begin_object:
      return "object";
    case Token::begin_array:
      return "array";
    case Token::string:
      return "string";
    case Token::number:
      return "number";
    default:
      return "bool";
  }
}

/// Collects the texts while the scanner walks; keeps the first value of a wrong type.
class Collector {
 public:
  std::expected<std::vector<std::string>, std::string> run(std::string_view body) {
    JsonScanner scanner(body);
    for (;;) {
      const std::size_t depth = scanner.depth();
      const Token token = scanner.next();
      if (token == Token::error) return std::unexpected(syntax_error(scanner));
      if (token == Token::end) break;
      take(scanner, token, depth);
    }
    if (!type_error_.empty()) return std::unexpected(type_error_);
    return std::move(dids_);
  }

 private:
  void take(const JsonScanner& scanner, Token token, std::size_t depth) {
    if (token == Token::end_object || token == Token::end_array) return;
    if (depth == 0 && token != Token::begin_object && token != Token::null) {
      mismatch(scanner, token, "main.DidPayload", "");
      skip_ = true;
    }
    if (skip_) return;
    if (depth == 1 && token == Token::key) {
      wanted_ = boost::beast::iequals(unquote_json(scanner.token()), "dids");
      in_list_ = false;
    } else if (depth == 1 && wanted_) {
      in_list_ = token == Token::begin_array;
      if (in_list_ || token == Token::null) dids_.clear();
      if (!in_list_ && token != Token::null) mismatch(scanner, token, "[]string", "dids");
    } else if (depth == 2 && in_list_) {
      if (token == Token::string) {
        dids_.push_back(unquote_json(scanner.token()));
      } else if (token == Token::null) {
        dids_.emplace_back();
      } else {
        mismatch(scanner, token, "string", "dids");
      }
    }
  }

  void mismatch(const JsonScanner& scanner, Token token, std::string_view expected, std::string_view field) {
    if (!type_error_.empty()) return;
    type_error_ = fmt::format("Unmarshal type error: expected={}, got={}, field={}, offset={}", expected, kind(token),
                              field, scanner.offset());
  }

  std::vector<std::string> dids_;
  std::string type_error_;
  bool skip_ = false;
  bool wanted_ = false;
  bool in_list_ = false;
};

}  // namespace

std::expected<std::vector<atproto::Did>, std::string> parse_did_list(std::string_view body) {
  auto texts = Collector().run(body);
  if (!texts) return std::unexpected(texts.error());
  std::vector<atproto::Did> dids;
  dids.reserve(texts->size());
  for (const std::string& text : *texts) {
    auto did = atproto::Did::parse(text);
    if (!did) return std::unexpected("invalid DID: " + text.substr(0, kShownDid));
    dids.push_back(std::move(*did));
  }
  return dids;
}

}  // namespace tap::api
