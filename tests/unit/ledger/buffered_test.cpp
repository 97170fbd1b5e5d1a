// SPDX-License-Identifier: MIT
#include "tap/ledger/buffered.hpp"

#include "tap/atproto/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tap::ledger {
namespace {

using atproto::EventKind;
using testing::ElementsAre;

TEST(Buffered, ComesOutAsItWentIn) {
  const Bytes body{1, 2, 3};
  for (const EventKind kind : {EventKind::commit, EventKind::sync}) {
    const Bytes packed = pack_buffered(kind, body);
    const auto unpacked = unpack_buffered(packed);
    ASSERT_TRUE(unpacked);
    EXPECT_EQ(unpacked->kind, kind);
    EXPECT_THAT(unpacked->body, ElementsAre(1, 2, 3));
  }
}

TEST(Buffered, FormInTheDatabaseNeverChanges) {
  EXPECT_THAT(pack_buffered(EventKind::commit, Bytes{7}), ElementsAre(1, 7));
  EXPECT_THAT(pack_buffered(EventKind::sync, Bytes{}), ElementsAre(2));
}

TEST(Buffered, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(unpack_buffered({}).error(), atproto::Errc::event_malformed);
  for (int first = 0; first < 256; ++first) {
    const Bytes bytes{static_cast<std::uint8_t>(first), 0};
    EXPECT_EQ(unpack_buffered(bytes).has_value(), first == 1 || first == 2) << first;
  }
}

}  // namespace
}  // namespace tap::ledger
