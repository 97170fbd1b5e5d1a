// SPDX-License-Identifier: MIT
// Bodies of requests: what is understood can be written plainly and is understood alike; complaints are sound answers.
#include "tap/base/json.hpp"

#include "api/did_list.hpp"
#include "api/http.hpp"
#include "api/json.hpp"
#include "api/letter_selection.hpp"
#include "fuzz/fuzz.hpp"

#include <nlohmann/json.hpp>

using namespace tap;
using nlohmann::json;

namespace {

void check_complaint(std::string_view message) {
  api::Request request;
  request.target = "/repos/add?pretty";
  const auto plain = json::parse(api::error_response({}, 400, message).body);
  fuzz::require(plain.size() == 1 && plain.at("message").is_string());
  fuzz::require(json::parse(api::error_response(request, 400, message).body) == plain);
}

void check_dids(std::string_view body) {
  const auto dids = api::parse_did_list(body);
  if (!dids) return check_complaint(dids.error());
  json plain = {{"dids", json::array()}};
  for (const atproto::Did& did : *dids) plain["dids"].push_back(did.str());
  fuzz::require(api::parse_did_list(plain.dump()) == dids);
}

void check_selection(std::string_view body) {
  const auto selection = api::parse_letter_selection(body);
  if (!selection) return check_complaint(selection.error());
  fuzz::require(!selection->empty());
  std::string plain = selection->all ? R"({"all":true,"ids":[)" : R"({"ids":[)";
  std::string_view comma;
  for (const outbox::EventId id : selection->ids) {
    plain += std::string(comma) + std::to_string(static_cast<std::uint64_t>(id));
    comma = ",";
  }
  plain += R"(],"dids":[)";
  comma = {};
  for (const std::string& did : selection->dids) {
    plain += comma;
    append_json_string(plain, did);
    comma = ",";
  }
  const auto again = api::parse_letter_selection(plain + "]}");
  fuzz::require(again && again->all == selection->all && again->ids == selection->ids);
  fuzz::require(again->dids.size() == selection->dids.size());
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body = as_text({data, size});
  check_dids(body);
  check_selection(body);
  const json value = json::parse(body, nullptr, false);
  if (!value.is_discarded()) fuzz::require(api::indent_json(value.dump()) == value.dump(2));
  return 0;
}
