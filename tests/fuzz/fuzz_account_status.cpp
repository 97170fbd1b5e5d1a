// SPDX-License-Identifier: MIT
// An account is active when another parser finds the same in what the relay says of it.
#include "firehose/account_status.hpp"
#include "fuzz/fuzz.hpp"
#include "fuzz/second_json.hpp"

using namespace tap;
using nlohmann::json;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::ptrdiff_t kDeep = 500;  // where the parsers' limits differ
  const std::string_view text = as_text(ByteView(data, size));
  const bool active = firehose::says_active(text);
  const auto second_opinion = json::parse(text, nullptr, false);
  if (active) fuzz::require(second_opinion.is_object() && second_opinion.contains("active"));
  if (!second_opinion.is_object() || fuzz::has_a_name_twice(text)) return 0;
  const bool says_so = second_opinion.contains("active") && second_opinion["active"] == json(true);
  if (active) fuzz::require(says_so);
  if (std::ranges::count_if(text, [](char c) { return c == '[' || c == '{'; }) > kDeep) return 0;
  fuzz::require(firehose::says_active(second_opinion.dump()) == says_so);
  return 0;
}
