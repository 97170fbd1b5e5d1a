// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tap {

/// Reads JSON that clients send, token by token and without copies, by the rules of the original's decoder
/// (protocol 11.1, 11.3): what follows the first value is not looked at, strings may hold bytes that are not UTF-8, and
/// an error says where and what in its words. `text` must outlive the scanner.
class JsonScanner {
 public:
  enum class Token : std::uint8_t {
    begin_object,
    end_object,
    begin_array,
    end_array,
    key,
    string,
    number,
    boolean,
    null,
    end,    ///< the first value is complete
    error,  ///< see error(), or the text is truncated()
  };

  explicit JsonScanner(std::string_view text) : text_(text) {}

  /// After `end` and `error` it stays so.
  [[nodiscard]] Token next();
  /// The last token as it was written, quotes included.
  [[nodiscard]] std::string_view token() const { return text_.substr(begin_, at_ - begin_); }
  /// Bytes read, the last token included; after an error, the bad byte too.
  [[nodiscard]] std::size_t offset() const { return at_; }
  /// Containers open around the next token.
  [[nodiscard]] std::size_t depth() const { return open_.size(); }
  /// What is wrong: invalid character 'x' looking for beginning of value.
  [[nodiscard]] const std::string& error() const { return error_; }
  /// The text ends within the value; blank() tells whether it began at all.
  [[nodiscard]] bool truncated() const { return truncated_; }
  [[nodiscard]] bool blank() const { return truncated_ && !began_; }

 private:
  enum class Expect : std::uint8_t { value, value_or_end, key, key_or_end, colon, comma_or_end, nothing };

  Token value();
  Token open(Token token);
  Token close(Token token);
  Token string(Token token);
  Token number();
  Token literal(std::string_view word, Token token);
  Token done(Token token);
  Token fail(std::string_view context);
  Token cut_short();
  [[nodiscard]] bool skip_escape();
  [[nodiscard]] bool skip_digits(std::string_view context);
  [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
  [[nodiscard]] bool at_digit() const { return !at_end() && text_[at_] >= '0' && text_[at_] <= '9'; }

  std::string_view text_;
  std::size_t begin_ = 0;
  std::size_t at_ = 0;
  std::vector<char> open_;  // '{' or '['
  Expect expect_ = Expect::value;
  bool began_ = false;
  bool truncated_ = false;
  bool failed_ = false;
  std::string error_;
};

/// The text of a string token, quotes and escapes resolved; lone surrogates become U+FFFD.
[[nodiscard]] std::string unquote_json(std::string_view token);

}  // namespace tap
