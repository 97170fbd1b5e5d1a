// SPDX-License-Identifier: MIT
// A page that is accepted is JSON in another parser's opinion, too, and all that it names are DIDs.
#include "crawl/page.hpp"
#include "fuzz/fuzz.hpp"

#include <nlohmann/json.hpp>

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = tap::as_text(tap::ByteView(data, size));
  const auto page = tap::crawl::parse_page(text);
  if (!page) return 0;
  const auto second_opinion = nlohmann::json::parse(text, nullptr, false);
  tap::fuzz::require(second_opinion.is_object() && second_opinion.contains("repos"));
  for (const tap::atproto::Did& did : page->dids) tap::fuzz::require(tap::atproto::Did::parse(did.str()) == did);
  tap::fuzz::require(page->cursor.size() <= 4'096);
  return 0;
}
