// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/cid.hpp"
#include "tap/atproto/identifiers.hpp"
#include "tap/base/bytes.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace tap::test {

/// TIDs a millisecond apart, since the first second of 2024: never in the future of a test.
class TidSource {
 public:
  explicit TidSource(std::uint64_t clock_id = 0) : clock_id_(clock_id & 0x3ff) {}
  [[nodiscard]] atproto::Tid next();

 private:
  std::uint64_t clock_id_;
  std::uint64_t micros_ = 1'704'067'200'000'000;
};

/// The instant of a TID as a datetime of second precision.
[[nodiscard]] std::string datetime_of(atproto::Tid tid);

/// A post of typical shape; `number` makes it unique.
[[nodiscard]] Bytes post_record(std::uint64_t number, std::string_view text = "Nothing new under the sun, says");
/// A like of the given record: the commonest record of the network.
[[nodiscard]] Bytes like_record(std::uint64_t number, const atproto::Cid& subject);
/// "app.bsky.feed.post/<tid>"
[[nodiscard]] std::string post_path(atproto::Tid tid);

}  // namespace tap::test
