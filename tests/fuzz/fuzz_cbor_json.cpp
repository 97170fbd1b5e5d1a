// SPDX-License-Identifier: MIT
// Streaming JSON equals the JSON of the tree, and is refused alike.
#include "tap/atproto/cbor.hpp"

#include "fuzz/fuzz.hpp"
#include "support/atproto/slow_cbor.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const tap::ByteView bytes(data, size);
  std::string out;
  const bool rendered = tap::atproto::cbor::append_record_json(bytes, out).has_value();
  const auto expected = tap::test::slow::record_json(bytes);
  tap::fuzz::require(rendered == expected.has_value());
  tap::fuzz::require(out == expected.value_or(""));
  return 0;
}
