// SPDX-License-Identifier: MIT
#include "tap/base/json_scanner.hpp"

#include <fmt/format.h>

namespace tap {
namespace {

constexpr std::size_t kMaxDepth = 10'000;

constexpr bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void append_utf8(std::string& out, std::uint32_t point) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((point >> shift) & 0x3f)); };
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xc0 | (point >> 6));
    tail(0);
  } else if (point < 0x1'0000) {
    out += static_cast<char>(0xe0 | (point >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0 | (point >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

/// A byte between quotes, as it is shown to a person.
std::string quoted(char c) {
  const auto byte = static_cast<unsigned char>(c);
  std::string shown;
  if (c == '\'') {
    shown = "\\'";
  } else if (c == '\\') {
    shown = "\\\\";
  } else if (c == '\n') {
    shown = "\\n";
  } else if (c == '\r') {
    shown = "\\r";
  } else if (c == '\t') {
    shown = "\\t";
  } else if (byte < 0x20 || (byte >= 0x7f && byte < 0xa0)) {
    shown = byte < 0x80 ? fmt::format("\\x{:02x}", byte) : fmt::format("\\u{:04x}", byte);
  } else {
    append_utf8(shown, byte);
  }
  return "'" + shown + "'";
}

/// The four digits behind \u at `at`; the scanner has checked them.
std::uint32_t code_unit(std::string_view text, std::size_t at) {
  std::uint32_t unit = 0;
  for (const char c : text.substr(at, 4)) unit = unit * 16 + static_cast<std::uint32_t>(hex_value(c));
  return unit;
}

}  // namespace

JsonScanner::Token JsonScanner::next() {
  if (failed_) return Token::error;
  if (expect_ == Expect::nothing) return Token::end;
  for (;;) {
    while (!at_end() && is_space(text_[at_])) ++at_;
    if (at_end()) return cut_short();
    began_ = true;
    begin_ = at_;
    const char c = text_[at_];
    switch (expect_) {
      case Expect::value_or_end:
        if (c == ']') return close(Token::end_array);
        return value();
      case Expect::value:
        return value();
      case Expect::key_or_end:
        if (c == '}') return close(Token::end_object);
        [[fallthrough]];
      case Expect::key:
        if (c != '"') return fail("looking for beginning of object key string");
        return string(Token::key);
      case Expect::colon:
        if (c != ':') return fail("after object key");
        expect_ = Expect::value;
        ++at_;
        continue;
      case Expect::comma_or_end: {
        const bool object = open_.back() == '{';
        if (c == (object ? '}' : ']')) return close(object ? Token::end_object : Token::end_array);
        if (c != ',') return fail(object ? "after object key:value pair" : "after array element");
        expect_ = object ? Expect::key : Expect::value;
        ++at_;
        continue;
      }
      case Expect::nothing:
        return Token::end;
    }
  }
}

JsonScanner::Token JsonScanner::value() {
  switch (text_[at_]) {
    case '{':
      return open(Token::begin_object);
    case '[':
      return open(Token::begin_array);
    case '"':
      return string(Token::string);
    case 't':
      return literal("true", Token::boolean);
    case 'f':
      return literal("false", Token::boolean);
    case 'n':
      return literal("null", Token::null);
    default:
      if (text_[at_] == '-' || at_digit()) return number();
      return fail("looking for beginning of value");
  }
}

JsonScanner::Token JsonScanner::open(Token token) {
  if (open_.size() == kMaxDepth) {
    failed_ = true;
    error_ = "exceeded max depth";
    return Token::error;
  }
  open_.push_back(text_[at_++]);
  expect_ = token == Token::begin_object ? Expect::key_or_end : Expect::value_or_end;
  return token;
}

JsonScanner::Token JsonScanner::close(Token token) {
  ++at_;
  open_.pop_back();
  return done(token);
}

JsonScanner::Token JsonScanner::string(Token token) {
  for (++at_; !at_end(); ++at_) {
    const char c = text_[at_];
    if (c == '"') {
      ++at_;
      if (token != Token::key) return done(token);
      expect_ = Expect::colon;
      return token;
    }
    if (static_cast<unsigned char>(c) < 0x20) return fail("in string literal");
    if (c == '\\' && !skip_escape()) return Token::error;
  }
  return cut_short();
}

/// Leaves at_ on the escape's last byte.
bool JsonScanner::skip_escape() {
  if (++at_ == text_.size()) {
    cut_short();
    return false;
  }
  if (text_[at_] != 'u') {
    if (std::string_view("\"\\/bfnrt").contains(text_[at_])) return true;
    fail("in string escape code");
    return false;
  }
  for (int digits = 0; digits < 4; ++digits) {
    if (++at_ == text_.size()) {
      cut_short();
      return false;
    }
    if (hex_value(text_[at_]) < 0) {
      fail("in \\u hexadecimal character escape");
      return false;
    }
  }
  return true;
}

JsonScanner::Token JsonScanner::number() {
  if (text_[at_] == '-') ++at_;
  if (!at_end() && text_[at_] == '0') {
    ++at_;
  } else if (!skip_digits("in numeric literal")) {
    return Token::error;
  }
  if (!at_end() && text_[at_] == '.') {
    ++at_;
    if (!skip_digits("after decimal point in numeric literal")) return Token::error;
  }
  if (!at_end() && (text_[at_] == 'e' || text_[at_] == 'E')) {
    ++at_;
    if (!at_end() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
    if (!skip_digits("in exponent of numeric literal")) return Token::error;
  }
  return done(Token::number);
}

/// At least one.
bool JsonScanner::skip_digits(std::string_view context) {
  if (!at_digit()) {
    at_end() ? cut_short() : fail(context);
    return false;
  }
  while (at_digit()) ++at_;
  return true;
}

JsonScanner::Token JsonScanner::literal(std::string_view word, Token token) {
  for (const char expected : word) {
    if (at_end()) return cut_short();
    if (text_[at_] != expected) return fail(fmt::format("in literal {} (expecting {})", word, quoted(expected)));
    ++at_;
  }
  return done(token);
}

JsonScanner::Token JsonScanner::done(Token token) {
  expect_ = open_.empty() ? Expect::nothing : Expect::comma_or_end;
  return token;
}

JsonScanner::Token JsonScanner::fail(std::string_view context) {
  failed_ = true;
  error_ = fmt::format("invalid character {} {}", quoted(text_[at_]), context);
  ++at_;
  return Token::error;
}

JsonScanner::Token JsonScanner::cut_short() {
  failed_ = true;
  truncated_ = true;
  error_ = "unexpected end of JSON input";
  return Token::error;
}

std::string unquote_json(std::string_view token) {
  const std::string_view text = token.substr(1, token.size() - 2);
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const char escape = text[++i];
    if (escape != 'u') {
      constexpr std::string_view kNames = "bfnrt";
      const std::size_t name = kNames.find(escape);
      out += name == std::string_view::npos ? escape : "\b\f\n\r\t"[name];
      continue;
    }
    std::uint32_t point = code_unit(text, i + 1);
    i += 4;
    if (point >= 0xd800 && point < 0xe000) {
      const bool pair = point < 0xdc00 && text.substr(i + 1).starts_with("\\u");
      const std::uint32_t low = pair ? code_unit(text, i + 3) : 0;
      const bool whole = low >= 0xdc00 && low < 0xe000;
      point = whole ? 0x1'0000 + ((point - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
      if (whole) i += 6;
    }
    append_utf8(out, point);
  }
  return out;
}

}  // namespace tap
