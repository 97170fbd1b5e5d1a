// SPDX-License-Identifier: MIT
// A consumer's message acks what another parser finds in it, wherever that one can read it.
#include "tap/base/text.hpp"

#include "deliver/client_message.hpp"
#include "fuzz/fuzz.hpp"

#include <nlohmann/json.hpp>

#include <optional>

using namespace tap;
using nlohmann::json;

namespace {

/// Follows protocol 11.3 over another parser's events.
class SlowReader : public nlohmann::json_sax<json> {
 public:
  bool null() override { return at_top(true); }
  bool boolean(bool) override { return other(); }
  bool number_integer(number_integer_t) override { return other(); }
  bool number_unsigned(number_unsigned_t value) override {
    if (depth_ == 1 && key_ == "id") {
      id_ = value;
      return true;
    }
    return other();
  }
  bool number_float(number_float_t, const string_t&) override { return other(); }
  bool string(string_t& value) override {
    if (depth_ == 1 && key_ == "type") {
      type_ = value;
      return true;
    }
    return other();
  }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override {
    const bool goes_on = depth_ == 0 || other();
    ++depth_;
    return goes_on;
  }
  bool key(string_t& value) override {
    if (depth_ != 1) return true;
    key_ = lower(value);
    return true;
  }
  bool end_object() override { return --depth_, true; }
  bool start_array(std::size_t) override {
    other();
    ++depth_;
    return true;
  }
  bool end_array() override { return --depth_, true; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

  [[nodiscard]] bool is_message() const { return is_message_; }
  [[nodiscard]] std::optional<std::uint64_t> ack() const {
    return type_ == "ack" && id_ != 0 ? std::optional(id_) : std::nullopt;
  }

 private:
  bool at_top(bool may_be) {
    if (depth_ == 0) is_message_ = may_be;
    return true;
  }
  /// A value that neither key may have.
  bool other() {
    if (depth_ == 1 && (key_ == "id" || key_ == "type")) is_message_ = false;
    return at_top(false);
  }

  std::string key_, type_;
  std::uint64_t id_ = 0;
  int depth_ = 0;
  bool is_message_ = true;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text({data, size});
  const auto message = deliver::parse_client_message(text);
  if (!message) fuzz::require(!message.error().message().empty());
  SlowReader slow;
  constexpr bool kToTheEnd = false;
  // The other one passes over a byte order mark, and refuses some that ours takes.
  const bool is_marked = text.starts_with('\xef');
  if (is_marked || !json::sax_parse(text, &slow, json::input_format_t::json, kToTheEnd)) return 0;
  fuzz::require(message.has_value() == slow.is_message());
  if (!message) return 0;
  const auto ack = slow.ack();
  fuzz::require(message->has_value() == ack.has_value());
  if (ack) fuzz::require(**message == outbox::EventId{*ack});
  return 0;
}
