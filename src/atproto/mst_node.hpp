// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/cbor.hpp"
#include "tap/atproto/cid.hpp"
#include "tap/base/bytes.hpp"

#include <cstddef>
#include <optional>
#include <string_view>

namespace tap::atproto::mst {

/// Encodes a node entry by entry, from wherever its parts are. The keys must stay until the next entry.
class NodeWriter {
 public:
  explicit NodeWriter(std::size_t entries);
  void entry(std::string_view key, const Cid& value, const std::optional<Cid>& right);
  [[nodiscard]] Bytes finish(const std::optional<Cid>& left);

 private:
  void subtree(const std::optional<Cid>& cid);
  Bytes out_;
  cbor::Writer writer_{out_};
  std::string_view previous_;
};

}  // namespace tap::atproto::mst
