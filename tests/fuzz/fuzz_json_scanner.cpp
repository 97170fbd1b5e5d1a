// SPDX-License-Identifier: MIT
// The scanner accepts what another parser accepts, and sees the same values in it. They may differ where the scanner
// follows the original: text that is not UTF-8, lone surrogates, numbers beyond a double, and depth.
#include "tap/base/json_scanner.hpp"
#include "tap/base/utf8.hpp"

#include "fuzz/fuzz.hpp"

#include <nlohmann/json.hpp>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using nlohmann::json;
using tap::JsonScanner;
using tap::fuzz::require;
using Token = JsonScanner::Token;

/// What both write down: one line per token, values without their spelling.
using Events = std::vector<std::string>;

/// To the bit, but for the sign of zero: it is lost where numbers are integers.
std::string number_event(double value) { return "n" + std::to_string(std::bit_cast<std::uint64_t>(value + 0.0)); }

class Recorder : public nlohmann::json_sax<json> {
 public:
  bool null() override { return add("null"); }
  bool boolean(bool value) override { return add(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return add(number_event(static_cast<double>(value))); }
  bool number_unsigned(number_unsigned_t value) override { return add(number_event(static_cast<double>(value))); }
  bool number_float(number_float_t value, const string_t&) override { return add(number_event(value)); }
  bool string(string_t& value) override { return add("s" + value); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return add("{"); }
  bool key(string_t& value) override { return add("k" + value); }
  bool end_object() override { return add("}"); }
  bool start_array(std::size_t) override { return add("["); }
  bool end_array() override { return add("]"); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

  Events events;

 private:
  bool add(std::string event) {
    events.push_back(std::move(event));
    return true;
  }
};

/// Whether a token is one of those that only the scanner takes.
bool is_lenient(Token token, const std::string& text) {
  if (token == Token::number) return !std::isfinite(std::strtod(text.c_str(), nullptr));
  if (token != Token::string && token != Token::key) return false;
  for (std::size_t at = text.find("\\u"); at != std::string::npos; at = text.find("\\u", at + 1)) {
    if (text[at + 2] == 'd' || text[at + 2] == 'D') return true;
  }
  return !tap::is_utf8(text);
}

std::string event_of(Token token, const std::string& text) {
  if (token == Token::number) return number_event(std::strtod(text.c_str(), nullptr));
  if (token == Token::string) return "s" + tap::unquote_json(text);
  if (token == Token::key) return "k" + tap::unquote_json(text);
  return text;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = tap::as_text({data, size});
  JsonScanner scanner(text);
  Events events;
  bool lenient = false;
  Token token = scanner.next();
  for (; token != Token::end && token != Token::error; token = scanner.next()) {
    const std::string written(scanner.token());
    lenient = lenient || is_lenient(token, written);
    events.push_back(event_of(token, written));
    require(scanner.offset() <= size && scanner.depth() <= 10'000);
  }
  require(scanner.next() == token);

  if (token == Token::error) {
    require(!scanner.error().empty() && scanner.offset() <= size);
    const bool marked = text.starts_with("\xef\xbb\xbf");  // a byte order mark, which the other passes over
    require(marked || scanner.error() == "exceeded max depth" || !json::accept(text));
    return 0;
  }
  Recorder other;
  const bool accepted = json::sax_parse(text.substr(0, scanner.offset()), &other);
  require(accepted || lenient);
  require(!accepted || other.events == events);
  return 0;
}
