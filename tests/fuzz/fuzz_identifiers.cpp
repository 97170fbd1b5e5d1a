// SPDX-License-Identifier: MIT
// Texts: what is accepted keeps its form through its type, and the parts of a path make the path.
#include "tap/atproto/cid.hpp"
#include "tap/atproto/identifiers.hpp"

#include "fuzz/fuzz.hpp"

using namespace tap;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text({data, size});
  const auto did = atproto::Did::parse(text);
  fuzz::require(did.has_value() == atproto::is_did(text));
  if (did) {
    fuzz::require(did->str() == text);
    fuzz::require("did:" + std::string(did->method()) + ":" + std::string(did->identifier()) == text);
  }
  if (const auto tid = atproto::Tid::parse(text)) fuzz::require(tid->str() == text);
  if (const auto cid = atproto::Cid::parse(text)) fuzz::require(cid->str() == text);
  if (const auto path = atproto::parse_path(text)) {
    fuzz::require(atproto::is_nsid(path->collection) && atproto::is_rkey(path->rkey));
    fuzz::require(std::string(path->collection) + "/" + std::string(path->rkey) == text);
  }
  const std::string lower = atproto::normalize_handle(text);
  fuzz::require(atproto::is_handle(lower) == atproto::is_handle(text));
  fuzz::require(atproto::has_reserved_tld(lower) == atproto::has_reserved_tld(text));
  if (atproto::is_datetime(text)) fuzz::require(size >= 20 && size <= 64);
  return 0;
}
