// SPDX-License-Identifier: MIT
#include "tap/verify/sync.hpp"

#include "tap/atproto/error.hpp"
#include "tap/verify/decide.hpp"
#include "tap/verify/error.hpp"

#include "support/atproto/account.hpp"

#include <gtest/gtest.h>

namespace tap::verify {
namespace {

using atproto::Tid;
using test::Account;
using test::SyncMessage;

Result<atproto::Commit> check(const SyncMessage& message, const test::SigningKey& key) {
  const Bytes payload = message.payload();
  const auto event = atproto::decode_sync(payload);
  if (!event) return std::unexpected(event.error());
  return check_sync(*event, key.public_key());
}

class CheckSync : public ::testing::Test {
 protected:
  CheckSync() { account.post(); }
  Account account{1};
};

TEST_F(CheckSync, GivesTheCommitOfATrueMessage) {
  for (const auto curve : {atproto::Curve::k256, atproto::Curve::p256}) {
    Account other(2, curve);
    other.post();
    const auto commit = check(other.sync(), other.key());
    ASSERT_TRUE(commit) << commit.error().message();
    EXPECT_EQ(commit->did, other.did());
    EXPECT_EQ(commit->rev, other.head()->rev);
    EXPECT_EQ(commit->data, other.head()->data);
  }
}

TEST_F(CheckSync, NamesTheDidAndRevOfItsCommit) {  // 8.4 item 12
  SyncMessage message = account.sync();
  message.did = Account(9).did().str();
  EXPECT_EQ(check(message, account.key()).error(), Errc::mismatch);
  message = account.sync();
  message.rev = Tid(1).str();
  EXPECT_EQ(check(message, account.key()).error(), Errc::mismatch);
  message.rev = "";
  EXPECT_EQ(check(message, account.key()).error(), Errc::mismatch);
}

TEST_F(CheckSync, HasADatetime) {
  SyncMessage message = account.sync();
  message.time = "yesterday";
  EXPECT_EQ(check(message, account.key()).error(), Errc::malformed);
}

TEST_F(CheckSync, BlocksEndAtTheLimit) {
  SyncMessage message = account.sync();
  const auto padded = [&](std::size_t total) {
    // Unrelated blocks are tolerated; one of the right size fills the CAR up.
    const Bytes bare = account.sync().car;
    const Bytes filler(total - bare.size() - 2 - atproto::Cid::kBinarySize, 0);
    const auto cid = atproto::Cid::of(atproto::Cid::Codec::raw, filler);
    message.car =
        test::make_car(account.head()->commit, {{account.head()->commit, account.commit_block()}, {cid, filler}});
    EXPECT_EQ(message.car.size(), total);
    return check(message, account.key());
  };
  EXPECT_TRUE(padded(10'000));
  EXPECT_EQ(padded(10'001).error(), Errc::too_large);
}

TEST_F(CheckSync, RootIsADagCborCommitThatIsThere) {
  SyncMessage message = account.sync();
  message.car = test::make_car(account.head()->commit, {});
  EXPECT_EQ(check(message, account.key()).error(), atproto::Errc::block_missing);
  message.car = {};
  EXPECT_EQ(check(message, account.key()).error(), atproto::Errc::car_bad_header);
  const auto raw = atproto::Cid::of(atproto::Cid::Codec::raw, account.commit_block());
  message.car = test::make_car(raw, {{raw, account.commit_block()}});
  EXPECT_EQ(check(message, account.key()).error(), atproto::Errc::commit_malformed);
  const Bytes junk = test::post_record(1);
  const auto cid = atproto::Cid::of(atproto::Cid::Codec::dag_cbor, junk);
  message.car = test::make_car(cid, {{cid, junk}});
  EXPECT_EQ(check(message, account.key()).error(), atproto::Errc::commit_malformed);
}

TEST_F(CheckSync, SignatureErrorsAreKeptApart) {
  EXPECT_EQ(check(account.sync(), Account(9).key()).error(), atproto::Errc::signature_mismatch);
  account.commit({}, {.high_s = true});
  EXPECT_EQ(check(account.sync(), account.key()).error(), atproto::Errc::signature_high_s);
}

class CheckSnapshot : public CheckSync {
 protected:
  Result<atproto::Commit> snapshot(std::optional<Tid> held, WallTime now) {
    return check_snapshot(account.commit_block(), account.did(), account.key().public_key(), held, now);
  }
  Tid rev() const { return account.head()->rev; }
  WallTime at_rev() const { return WallTime(std::chrono::microseconds(rev().micros())); }
};

TEST_F(CheckSnapshot, IsNeitherOlderThanTheHeldOneNorFromTheFuture) {  // 8.4 items 14, 15
  EXPECT_TRUE(snapshot({}, at_rev()));
  EXPECT_TRUE(snapshot(rev(), at_rev()));
  EXPECT_TRUE(snapshot(Tid(rev().value() - 1), at_rev()));
  EXPECT_EQ(snapshot(Tid(rev().value() + 1), at_rev()).error(), Errc::older_rev);
  EXPECT_TRUE(snapshot({}, at_rev() - kFutureTolerance));
  EXPECT_EQ(snapshot({}, at_rev() - kFutureTolerance - std::chrono::microseconds(1)).error(), Errc::future_rev);
}

TEST_F(CheckSnapshot, IsOfTheDidThatWasAskedFor) {  // 8.4 item 13: a shared key proves nothing
  const auto wrong = check_snapshot(account.commit_block(), Account(9).did(), account.key().public_key(), {}, at_rev());
  EXPECT_EQ(wrong.error(), Errc::mismatch);
}

TEST_F(CheckSnapshot, IsSignedAndWellFormed) {
  const auto with_key = [&](const test::SigningKey& key) {
    return check_snapshot(account.commit_block(), account.did(), key.public_key(), {}, at_rev());
  };
  EXPECT_TRUE(with_key(account.key()));
  EXPECT_EQ(with_key(Account(9).key()).error(), atproto::Errc::signature_mismatch);
  const auto junk = check_snapshot(test::post_record(1), account.did(), account.key().public_key(), {}, at_rev());
  EXPECT_EQ(junk.error(), atproto::Errc::commit_malformed);
}

}  // namespace
}  // namespace tap::verify
