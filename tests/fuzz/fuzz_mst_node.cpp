// SPDX-License-Identifier: MIT
// A node that is accepted is the one encoding of its content.
#include "tap/atproto/mst.hpp"

#include "fuzz/fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const tap::ByteView block(data, size);
  const auto node = tap::atproto::mst::Node::decode(block);
  if (node) tap::fuzz::require(tap::as_text(node->encode()) == tap::as_text(block));
  return 0;
}
