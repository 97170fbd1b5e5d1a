// SPDX-License-Identifier: MIT
#include "store/check/event_rule.hpp"

#include "tap/atproto/identifiers.hpp"
#include "tap/base/json_scanner.hpp"

#include <string>

namespace tap::store::check {
namespace {

/// The body goes out behind `{"id":N`.
bool completes_an_object(std::string_view body) {
  const std::string message = "{\"id\":0" + std::string(body);
  JsonScanner scanner(message);
  for (;;) {
    const JsonScanner::Token token = scanner.next();
    if (token == JsonScanner::Token::end) return scanner.offset() == message.size();
    if (token == JsonScanner::Token::error) return false;
  }
}

bool must_go_alone(std::string_view body) {
  return body.starts_with(R"(,"type":"identity")") || body.starts_with(R"(,"type":"record","record":{"live":true)");
}

}  // namespace

std::string_view fault_of(outbox::LaneKey lane, outbox::Order order, std::string_view body) {
  if (!completes_an_object(body)) return "is no JSON";
  const std::string did = outbox::subject_of(body).did;
  if (!atproto::is_did(did)) return "names no DID";
  if (outbox::lane_of(did) != lane) return "stands in the lane of another DID";
  if (must_go_alone(body) && order != outbox::Order::barrier) return "may not be sent together with others, and is";
  return {};
}

}  // namespace tap::store::check
