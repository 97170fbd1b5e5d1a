// SPDX-License-Identifier: MIT
// The strict reader accepts exactly what the slow decoder finds canonical.
#include "tap/atproto/cbor.hpp"

#include "fuzz/fuzz.hpp"
#include "support/atproto/slow_cbor.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const tap::ByteView bytes(data, size);
  tap::fuzz::require(tap::atproto::cbor::validate(bytes).has_value() == tap::test::slow::is_canonical(bytes));
  return 0;
}
