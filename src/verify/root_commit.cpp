// SPDX-License-Identifier: MIT
#include "verify/root_commit.hpp"

#include "tap/atproto/error.hpp"

namespace tap::verify {

Result<atproto::Commit> root_commit(const atproto::car::View& car) {
  if (car.root.codec() != atproto::Cid::Codec::dag_cbor) return fail(atproto::Errc::commit_malformed, "not dag-cbor");
  const auto block = car.blocks.find(car.root);
  if (block == car.blocks.end()) return fail(atproto::Errc::block_missing, "commit");
  return atproto::Commit::decode(block->second);
}

}  // namespace tap::verify
