// SPDX-License-Identifier: MIT
#include "tap/outbox/event.hpp"

#include "tap/atproto/identifiers.hpp"
#include "tap/base/hash.hpp"
#include "tap/base/json.hpp"
#include "tap/base/json_scanner.hpp"

#include <functional>
#include <map>

namespace tap::outbox {
namespace {

void append_member(std::string& out, std::string_view key, std::string_view text) {
  out += ",\"";
  out += key;
  out += "\":";
  append_json_string(out, text);
}

}  // namespace

Subject subject_of(std::string_view body) {
  const std::string message = "{\"id\":0" + std::string(body);
  Subject subject;
  const std::map<std::string, std::string*, std::less<>> wanted = {
      {"did", &subject.did}, {"rev", &subject.rev}, {"collection", &subject.collection}, {"rkey", &subject.rkey}};
  JsonScanner scanner(message);
  std::string* member = nullptr;
  for (;;) {
    const std::size_t depth = scanner.depth();
    const JsonScanner::Token token = scanner.next();
    if (token == JsonScanner::Token::end || token == JsonScanner::Token::error) return subject;
    if (member != nullptr && token == JsonScanner::Token::string) *member = unquote_json(scanner.token());
    member = nullptr;
    if (token == JsonScanner::Token::key && depth == 2) {
      const auto found = wanted.find(unquote_json(scanner.token()));
      if (found != wanted.end()) member = found->second;
    }
  }
}

LaneKey lane_of(std::string_view did) { return LaneKey{stable_hash(did)}; }

Draft render(const RecordEvent& event) {
  std::string body = R"(,"type":"record","record":{"live":)";
  body += event.live ? "true" : "false";
  append_member(body, "did", event.did);
  append_member(body, "rev", event.rev);
  append_member(body, "collection", event.collection);
  append_member(body, "rkey", event.rkey);
  append_member(body, "action", event.action);
  if (!event.record_json.empty() && event.record_json != "{}") {
    body += ",\"record\":";
    body += event.record_json;
  }
  if (event.cid != nullptr) {
    body += ",\"cid\":\"";
    event.cid->append_to(body);
    body += '"';
  }
  body += "}}";
  return {lane_of(event.did), event.live ? Order::barrier : Order::historical, std::move(body)};
}

Draft render(const IdentityEvent& event) {
  std::string body = R"(,"type":"identity","identity":{"did":)";
  append_json_string(body, event.did);
  append_member(body, "handle", event.handle.empty() ? atproto::kInvalidHandle : event.handle);
  body += ",\"is_active\":";
  body += event.is_active ? "true" : "false";
  append_member(body, "status", event.status);
  body += "}}";
  return {lane_of(event.did), Order::barrier, std::move(body)};
}

}  // namespace tap::outbox
