// SPDX-License-Identifier: MIT
// What is understood of a document survives being rendered and read again.
#include "tap/identity/directory.hpp"

#include "fuzz/fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto did = tap::atproto::Did::parse("did:plc:ewvi7nxzyoun6zhxrhs64oiz").value();
  const auto identity = tap::identity::parse_document(did, tap::as_text(tap::ByteView(data, size)));
  if (!identity) return 0;
  const std::string rendered = tap::identity::render_document(*identity);
  const auto again = tap::identity::parse_document(did, rendered);
  tap::fuzz::require(again.has_value());
  tap::fuzz::require(again->pds == identity->pds && again->declared_handle == identity->declared_handle);
  tap::fuzz::require(again->key == identity->key);
  tap::fuzz::require(tap::identity::render_document(*again) == rendered);
  return 0;
}
