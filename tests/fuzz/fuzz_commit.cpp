// SPDX-License-Identifier: MIT
// A commit that is accepted is the one encoding of its content.
#include "tap/atproto/commit.hpp"

#include "fuzz/fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const tap::ByteView block(data, size);
  const auto commit = tap::atproto::Commit::decode(block);
  if (commit) tap::fuzz::require(tap::as_text(commit->encode()) == tap::as_text(block));
  return 0;
}
