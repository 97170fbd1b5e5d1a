// SPDX-License-Identifier: MIT
// A page that is accepted is JSON in another parser's opinion, too, which finds the same repos and the same cursor in
// it.
#include "crawl/page.hpp"
#include "fuzz/fuzz.hpp"
#include "fuzz/second_json.hpp"

using namespace tap;
using nlohmann::json;

namespace {

void check(const crawl::Page& page, const json& document) {
  std::vector<atproto::Did> dids;
  std::size_t malformed = 0;
  for (const json& repo : document.at("repos")) {
    if (!repo.is_object() || !repo.contains("did") || !repo["did"].is_string()) {
      ++malformed;
      continue;
    }
    if (repo.contains("active") && repo["active"] == json(false)) continue;
    if (const auto did = atproto::Did::parse(repo["did"].get<std::string>())) {
      dids.push_back(*did);
    } else {
      ++malformed;
    }
  }
  fuzz::require(page.dids == dids && page.malformed == malformed);
  fuzz::require(page.cursor == (document.contains("cursor") && document["cursor"].is_string()
                                    ? document["cursor"].get<std::string>()
                                    : std::string()));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(ByteView(data, size));
  const auto page = crawl::parse_page(text);
  if (!page) return 0;
  const auto second_opinion = json::parse(text, nullptr, false);
  fuzz::require(second_opinion.is_object() && second_opinion.contains("repos"));
  fuzz::require(page->cursor.size() <= 4'096);
  if (!fuzz::has_a_name_twice(text)) check(*page, second_opinion);
  return 0;
}
