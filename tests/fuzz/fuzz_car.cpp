// SPDX-License-Identifier: MIT
// In any chunks, the push parser gives what the whole-buffer parser gives. The first byte chooses the chunks.
#include "tap/atproto/car.hpp"

#include "fuzz/fuzz.hpp"

using namespace tap;
using atproto::Cid;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input({data, size});
  const std::size_t chunk = 1 + input.byte();
  const ByteView car = input.take(size);
  const auto whole = atproto::car::parse(car);

  std::unordered_map<Cid, Bytes> blocks;
  atproto::car::Parser parser({}, [&](const Cid& cid, ByteView block) -> Result<void> {
    fuzz::require(atproto::sha256(block) == cid.digest());
    blocks.emplace(cid, Bytes(block.begin(), block.end()));
    return {};
  });
  Result<void> pushed;
  for (fuzz::Input rest(car); pushed && !rest.empty();) pushed = parser.feed(rest.take(chunk));
  if (pushed) pushed = parser.finish();
  fuzz::require(pushed.has_value() == whole.has_value());
  if (!whole) {
    fuzz::require(pushed.error().code() == whole.error().code());
    return 0;
  }
  fuzz::require(parser.root() == whole->root && blocks.size() == whole->blocks.size());
  for (const auto& [cid, block] : whole->blocks) fuzz::require(as_text(blocks.at(cid)) == as_text(block));
  return 0;
}
