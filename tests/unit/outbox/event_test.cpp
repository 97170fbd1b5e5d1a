// SPDX-License-Identifier: MIT
#include "tap/outbox/event.hpp"

#include <gtest/gtest.h>

namespace tap::outbox {
namespace {

std::string message(std::uint64_t id, const Draft& draft) { return "{\"id\":" + std::to_string(id) + draft.body; }

TEST(Event, RecordIsRenderedByteForByte) {
  const auto cid = *atproto::Cid::parse("bafyreihffx5a2e7k5uwrmmgofbvzujc5cmw5h4espouwuxt3liqoflx3ee");
  const RecordEvent event{.live = true,
                          .did = "did:plc:abc",
                          .rev = "3kb3fge5lm32x",
                          .collection = "app.bsky.feed.post",
                          .rkey = "3kb3fge5lm32x",
                          .action = "create",
                          .record_json = R"({"$type":"app.bsky.feed.post","text":"hi"})",
                          .cid = &cid};
  EXPECT_EQ(message(7, render(event)),
            R"({"id":7,"type":"record","record":{"live":true,"did":"did:plc:abc","rev":"3kb3fge5lm32x",)"
            R"("collection":"app.bsky.feed.post","rkey":"3kb3fge5lm32x","action":"create",)"
            R"("record":{"$type":"app.bsky.feed.post","text":"hi"},)"
            R"("cid":"bafyreihffx5a2e7k5uwrmmgofbvzujc5cmw5h4espouwuxt3liqoflx3ee"}})");
  EXPECT_EQ(render(event).order, Order::barrier);
  EXPECT_EQ(render(event).lane, lane_of("did:plc:abc"));
}

TEST(Event, SubjectIsReadFromTheBody) {
  const RecordEvent event{.live = true,
                          .did = "did:plc:abc",
                          .rev = "3kb3fge5lm32x",
                          .collection = "app.bsky.feed.post",
                          .rkey = "self",
                          .action = "create",
                          .record_json = R"({"did":"did:plc:other","rkey":"no","a":{"rev":"x"},"b":"\"{"})"};
  const Subject record = subject_of(render(event).body);
  EXPECT_EQ(record.did, "did:plc:abc");
  EXPECT_EQ(record.rev, "3kb3fge5lm32x");
  EXPECT_EQ(record.collection, "app.bsky.feed.post");
  EXPECT_EQ(record.rkey, "self");
  const Subject identity = subject_of(render(IdentityEvent{"did:plc:abc", "a.example.com", "active", true}).body);
  EXPECT_EQ(identity.did, "did:plc:abc");
  EXPECT_EQ(identity.collection, "");
  EXPECT_EQ(subject_of("").did, "") << "not even JSON";
}

TEST(Event, DeleteHasNeitherRecordNorCid) {
  const RecordEvent event{.live = false,
                          .did = "did:web:a.example.com",
                          .rev = "3kb3fge5lm32x",
                          .collection = "a.b.c",
                          .rkey = "self",
                          .action = "delete"};
  EXPECT_EQ(message(~std::uint64_t{0}, render(event)),
            R"({"id":18446744073709551615,"type":"record","record":{"live":false,"did":"did:web:a.example.com",)"
            R"("rev":"3kb3fge5lm32x","collection":"a.b.c","rkey":"self","action":"delete"}})");
  EXPECT_EQ(render(event).order, Order::historical);
}

TEST(Event, EmptyRecordIsOmitted) {
  const auto cid = *atproto::Cid::parse("bafyreihffx5a2e7k5uwrmmgofbvzujc5cmw5h4espouwuxt3liqoflx3ee");
  const RecordEvent event{.did = "did:web:a.example.com",
                          .rev = "3kb3fge5lm32x",
                          .collection = "a.b.c",
                          .rkey = "self",
                          .action = "update",
                          .record_json = "{}",
                          .cid = &cid};
  const std::string text = message(1, render(event));
  EXPECT_EQ(text.find("\"record\":{}"), std::string::npos);
  EXPECT_TRUE(
      text.ends_with(R"("action":"update","cid":"bafyreihffx5a2e7k5uwrmmgofbvzujc5cmw5h4espouwuxt3liqoflx3ee"}})"));
}

TEST(Event, IdentityIsRenderedByteForByte) {
  const IdentityEvent event{.did = "did:plc:abc", .handle = "a.example.com", .status = "takendown", .is_active = false};
  EXPECT_EQ(message(8, render(event)),
            R"({"id":8,"type":"identity","identity":{"did":"did:plc:abc","handle":"a.example.com",)"
            R"("is_active":false,"status":"takendown"}})");
  EXPECT_EQ(render(event).order, Order::barrier);
  EXPECT_EQ(render(event).lane, lane_of("did:plc:abc"));
}

TEST(Event, EmptyHandleIsInvalid) {
  const IdentityEvent event{.did = "did:plc:abc", .handle = "", .status = "active"};
  EXPECT_NE(render(event).body.find(R"("handle":"handle.invalid","is_active":true,"status":"active")"),
            std::string::npos);
}

TEST(Event, LanesAreTheSameInEveryVersion) {
  // They stand in databases: this number must never change.
  EXPECT_EQ(static_cast<std::uint64_t>(lane_of("did:plc:ewvi7nxzyoun6zhxrhs64oiz")), 7177606935579417539ULL);
}

}  // namespace
}  // namespace tap::outbox
