// SPDX-License-Identifier: MIT
#include "store/stored.hpp"

#include <algorithm>

namespace tap::store {

StoredCid::StoredCid(const atproto::Cid& cid) {
  if (cid.codec() != atproto::Cid::Codec::dag_cbor) bytes_[size_++] = static_cast<std::uint8_t>(cid.codec());
  std::ranges::copy(cid.digest(), bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
  size_ += cid.digest().size();
}

Result<atproto::Cid> StoredCid::read(ByteView bytes) {
  atproto::Digest digest{};
  auto codec = atproto::Cid::Codec::dag_cbor;
  if (bytes.size() == digest.size() + 1 && bytes[0] == static_cast<std::uint8_t>(atproto::Cid::Codec::raw)) {
    codec = atproto::Cid::Codec::raw;
    bytes = bytes.subspan(1);
  }
  if (bytes.size() != digest.size()) return fail(Errc::corrupt, "CID");
  std::ranges::copy(bytes, digest.begin());
  return atproto::Cid(codec, digest);
}

bool set_states(RepoRow& repo, std::uint64_t state, std::uint64_t account) {
  if (state > static_cast<std::uint64_t>(repos::State::error) ||
      account > static_cast<std::uint64_t>(repos::Account::inactive)) {
    return false;
  }
  repo.repo.state = static_cast<repos::State>(state);
  repo.repo.account = static_cast<repos::Account>(account);
  return true;
}

}  // namespace tap::store
