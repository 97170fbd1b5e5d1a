// SPDX-License-Identifier: MIT
#include "tap/verify/commit.hpp"

#include "tap/atproto/cbor.hpp"
#include "tap/atproto/error.hpp"
#include "tap/verify/error.hpp"

#include "support/atproto/account.hpp"
#include "support/atproto/dice.hpp"
#include "support/atproto/slow_mst.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace tap::verify {
namespace {

using atproto::Cid;
using atproto::Tid;
using test::Account;
using test::CommitMessage;
using test::create;
using test::post_record;
using test::remove;
using test::update;

Result<VerifiedCommit> check(const CommitMessage& message, const test::SigningKey& key, const Filter& filter = {}) {
  const Bytes payload = message.payload();
  const auto event = atproto::decode_commit(payload);
  if (!event) return std::unexpected(event.error());
  return check_commit(*event, key.public_key(), filter);
}

/// A repo of some posts, and messages about it.
class CheckCommit : public ::testing::Test {
 protected:
  CheckCommit() {
    for (std::uint64_t i = 0; i < 30; ++i) {
      paths.push_back(account.new_path());
      account.commit({create(paths.back(), post_record(i))});
    }
  }
  Result<VerifiedCommit> checked(const CommitMessage& message) { return check(message, account.key()); }
  /// A commit with one operation of each kind.
  CommitMessage mixed(const test::SignedLies& lies = {}) {
    const std::string removed = paths.back();
    paths.pop_back();
    return account.commit({create(account.new_path(), post_record(100)),
                           update(paths[3], post_record(101 + paths.size())), remove(removed)},
                          lies);
  }

  Account account{1};
  std::vector<std::string> paths;
};

TEST_F(CheckCommit, SaysWhatWasDone) {
  const auto before = account.head();
  const CommitMessage message = mixed();
  const auto verified = checked(message);
  ASSERT_TRUE(verified) << verified.error().message();
  EXPECT_EQ(verified->did, account.did());
  EXPECT_EQ(verified->rev, account.head()->rev);
  EXPECT_EQ(verified->since, before->rev);
  EXPECT_EQ(verified->data, account.head()->data);
  EXPECT_EQ(verified->prev_data, before->data);
  ASSERT_EQ(verified->ops.size(), 3U);
  EXPECT_EQ(verified->ops[0].action, atproto::Action::create);
  EXPECT_EQ(verified->ops[0].collection, "app.bsky.feed.post");
  EXPECT_EQ(verified->ops[0].collection + "/" + verified->ops[0].rkey, message.ops[0].path);
  EXPECT_EQ(verified->ops[0].cid, message.ops[0].cid);
  EXPECT_THAT(verified->ops[0].record_json, ::testing::HasSubstr("says 100"));
  EXPECT_EQ(verified->ops[1].action, atproto::Action::update);
  EXPECT_THAT(verified->ops[1].record_json, ::testing::HasSubstr("says 130"));
  EXPECT_EQ(verified->ops[2].action, atproto::Action::remove);
  EXPECT_EQ(verified->ops[2].cid, std::nullopt);
  EXPECT_EQ(verified->ops[2].record_json, "");
}

TEST(CheckCommitLife, AcceptsTheLifeOfARepoOnBothCurves) {
  for (const auto curve : {atproto::Curve::k256, atproto::Curve::p256}) {
    test::Dice dice(1);
    Account account(7, curve);
    for (std::uint64_t i = 0; i < 400; ++i) {
      std::vector<test::Write> writes;
      std::set<std::string> used;
      for (std::size_t n = dice.below(5); n > 0; --n) {
        const auto& records = account.records();
        const bool fresh = records.empty() || dice.chance(i < 200 ? 60 : 30);
        const std::string path =
            fresh ? test::random_path(dice)
                  : std::next(records.begin(), static_cast<std::ptrdiff_t>(dice.below(records.size())))->first;
        if (!used.insert(path).second) continue;
        if (!records.contains(path)) {
          writes.push_back(create(path, post_record(dice.word())));
        } else if (dice.chance(40)) {
          writes.push_back(update(path, post_record(dice.word())));
        } else {
          writes.push_back(remove(path));
        }
      }
      const auto verified = check(account.commit(writes), account.key());
      ASSERT_TRUE(verified) << i << ": " << verified.error().message();
      ASSERT_EQ(verified->ops.size(), writes.size());
      if (i % 50 != 0) continue;
      test::slow::Records records;
      for (const auto& [path, record] : account.records()) {
        records.emplace(path, Cid::of(Cid::Codec::dag_cbor, record));
      }
      ASSERT_EQ(test::slow::build_tree(records).root, verified->data);
    }
  }
}

TEST_F(CheckCommit, AnEmptyCommitIsLegal) {
  const auto verified = checked(account.commit({}));
  ASSERT_TRUE(verified) << verified.error().message();
  EXPECT_EQ(verified->data, verified->prev_data);
  EXPECT_TRUE(verified->ops.empty());
}

TEST_F(CheckCommit, TheFirstCommitStartsFromTheEmptyTree) {
  Account other(2);
  CommitMessage message = other.post();
  EXPECT_TRUE(check(message, other.key()));
  message.prev_data.reset();  // older servers leave it out where there is none before
  const auto verified = check(message, other.key());
  ASSERT_TRUE(verified) << verified.error().message();
  EXPECT_EQ(verified->prev_data, atproto::mst::Tree().root());
}

// Step 1: what the event says for itself.

TEST_F(CheckCommit, LimitsOfTheProtocolHold) {
  CommitMessage message = mixed();
  message.car = Bytes(2'000'001, 0);
  EXPECT_EQ(checked(message).error(), Errc::too_large);
  message.car->pop_back();
  EXPECT_EQ(checked(message).error(), atproto::Errc::car_bad_header);

  std::vector<test::Write> writes;
  for (std::uint64_t i = 0; i < 200; ++i) writes.push_back(create(account.new_path(), post_record(i)));
  EXPECT_TRUE(checked(account.commit(writes)));
  for (auto& write : writes) write.path = account.new_path();
  writes.push_back(create(account.new_path(), post_record(1)));
  EXPECT_EQ(checked(account.commit(writes)).error(), Errc::too_large);
}

TEST_F(CheckCommit, ARecordInManyPlacesCountsInEach) {
  const auto twice = [&](std::size_t size) {
    const Bytes record = post_record(1, std::string(size, 'x'));
    return account.commit({create(account.new_path(), record), create(account.new_path(), record)});
  };
  EXPECT_TRUE(checked(twice(64'000))) << "64 KiB above the blocks, which are little more than the record";
  EXPECT_EQ(checked(twice(70'000)).error(), Errc::too_large);
  const CommitMessage large = account.commit({create(account.new_path(), post_record(2, std::string(500'000, 'x'))),
                                              create(account.new_path(), post_record(3, std::string(500'000, 'x')))});
  EXPECT_TRUE(checked(large)) << "whatever their length once";
}

TEST_F(CheckCommit, TooBigAndRebaseLackTheirData) {  // 8.4 item 9
  CommitMessage message = mixed();
  message.too_big = true;
  EXPECT_EQ(checked(message).error(), Errc::data_missing);
  message.too_big = false;
  message.rebase = true;
  EXPECT_EQ(checked(message).error(), Errc::data_missing);
}

TEST_F(CheckCommit, FieldsHaveTheirForm) {
  const CommitMessage good = mixed();
  CommitMessage message = good;
  message.repo = "nobody";
  EXPECT_EQ(checked(message).error(), Errc::malformed);
  message = good;
  message.rev = "yesterday";
  EXPECT_EQ(checked(message).error(), Errc::malformed);
  message = good;
  message.since = "before";
  EXPECT_EQ(checked(message).error(), Errc::malformed);
  message = good;
  message.time = "2024-13-01T00:00:00Z";
  EXPECT_EQ(checked(message).error(), Errc::malformed);
}

// Steps 3 and 4: the CAR, and whose commit it holds.

TEST_F(CheckCommit, BlocksAreASoundCarWithTheCommit) {
  const CommitMessage good = mixed();
  CommitMessage message = good;
  message.drop(good.commit);
  EXPECT_EQ(checked(message).error(), atproto::Errc::block_missing);
  message = good;
  message.blocks[2].bytes.push_back(0);
  EXPECT_EQ(checked(message).error(), atproto::Errc::car_hash_mismatch);
  message = good;
  message.car = test::make_car(good.commit, good.blocks);
  message.car->push_back(0);
  EXPECT_EQ(checked(message).error(), atproto::Errc::car_bad_section);
}

TEST_F(CheckCommit, EventNamesTheRootOfItsBlocks) {  // 8.4 item 10
  CommitMessage message = mixed();
  message.car = test::make_car(message.commit, message.blocks);
  message.commit = account.head()->data;
  EXPECT_EQ(checked(message).error(), Errc::mismatch);
}

TEST_F(CheckCommit, TheCommitIsDagCbor) {
  CommitMessage message = mixed();
  message.commit = Cid::of(Cid::Codec::raw, account.commit_block());
  message.blocks[0].cid = message.commit;
  EXPECT_EQ(checked(message).error(), atproto::Errc::commit_malformed);
}

TEST_F(CheckCommit, CommitIsOfTheNamedDidAndRev) {
  CommitMessage message = mixed();
  message.repo = Account(9).did().str();
  EXPECT_EQ(checked(message).error(), Errc::mismatch);
  message = mixed({.did = Account(9).did()});
  EXPECT_EQ(checked(message).error(), Errc::mismatch);
  message = mixed({.rev = Tid(77)});
  EXPECT_EQ(checked(message).error(), Errc::mismatch);
}

// Step 5: the signature.

TEST_F(CheckCommit, SignatureErrorsAreKeptApart) {
  EXPECT_EQ(checked(mixed({.high_s = true})).error(), atproto::Errc::signature_high_s);
  EXPECT_EQ(checked(mixed({.key = Account(9).key()})).error(), atproto::Errc::signature_mismatch);
}

TEST_F(CheckCommit, SignatureIsCheckedBeforeTheTree) {  // 8.4 item 1
  CommitMessage message = mixed({.key = Account(9).key()});
  message.drop(account.head()->data);
  message.ops[0].path = "nonsense";
  EXPECT_EQ(checked(message).error(), atproto::Errc::signature_mismatch);
}

TEST_F(CheckCommit, ARotatedKeySignsFromThenOn) {
  const auto old_key = account.key();
  account.rotate(test::SigningKey(atproto::Curve::p256, 99));
  const CommitMessage message = mixed();
  EXPECT_TRUE(checked(message));
  EXPECT_EQ(check(message, old_key).error(), atproto::Errc::signature_mismatch);
}

// Step 6: the tree.

TEST_F(CheckCommit, TheRootOfTheTreeIsThere) {
  CommitMessage message = mixed();
  message.drop(account.head()->data);
  EXPECT_EQ(checked(message).error(), atproto::Errc::block_missing);
}

TEST_F(CheckCommit, TheTreeIsSound) {
  const Bytes junk = post_record(1);
  const Cid cid = Cid::of(Cid::Codec::dag_cbor, junk);
  CommitMessage message = mixed({.data = cid});
  message.blocks.push_back({cid, junk});
  EXPECT_EQ(checked(message).error(), atproto::Errc::mst_malformed);
}

TEST_F(CheckCommit, EveryNodeOfTheSliceIsNeeded) {
  account.fill(500);
  int failures = 0;
  const CommitMessage good = mixed();
  ASSERT_TRUE(checked(good));
  for (const test::Block& block : good.blocks) {
    CommitMessage message = good;
    message.drop(block.cid);
    const auto verified = checked(message);
    if (verified) continue;  // a neighbour that these keys would not have needed
    ++failures;
    EXPECT_TRUE(verified.error() == atproto::Errc::block_missing || verified.error() == atproto::Errc::mst_partial)
        << verified.error().message();
  }
  EXPECT_GT(failures, 6);
}

// Step 7: the operations.

TEST_F(CheckCommit, PathsAreValidAndStandOnce) {
  CommitMessage message = mixed();
  for (const char* path : {"", "nonsense", "a.b.c/", "a.b.c/d/e", "/a.b.c/d", "a.b.c/.."}) {
    CommitMessage bad = message;
    bad.ops[0].path = path;
    EXPECT_EQ(checked(bad).error(), atproto::Errc::bad_path) << path;
  }
  message.ops.push_back(message.ops[0]);
  EXPECT_EQ(checked(message).error(), Errc::bad_op);
}

TEST_F(CheckCommit, EachActionHasItsFields) {
  const CommitMessage good = mixed();
  const auto with = [&](std::size_t op, auto change) {
    CommitMessage message = good;
    change(message.ops[op]);
    return checked(message).error();
  };
  using Op = CommitMessage::Op;
  EXPECT_EQ(with(0, [](Op& op) { op.cid.reset(); }), Errc::bad_op);
  EXPECT_EQ(with(0, [](Op& op) { op.prev = op.cid; }), Errc::bad_op);
  EXPECT_EQ(with(1, [](Op& op) { op.cid.reset(); }), Errc::bad_op);
  EXPECT_EQ(with(1, [](Op& op) { op.prev = op.cid; }), Errc::bad_op);
  EXPECT_EQ(with(2, [](Op& op) { op.cid = op.prev; }), Errc::bad_op);
  EXPECT_EQ(with(1, [](Op& op) { op.prev.reset(); }), Errc::legacy);  // 8.4 item 7
  EXPECT_EQ(with(2, [](Op& op) { op.prev.reset(); }), Errc::legacy);
}

TEST_F(CheckCommit, TheTreeHoldsWhatTheOperationSays) {
  CommitMessage message = mixed();
  const Cid other = Cid::of(Cid::Codec::dag_cbor, post_record(55));
  message.ops[0].cid = other;
  message.blocks.push_back({other, post_record(55)});
  EXPECT_EQ(checked(message).error(), Errc::bad_op);
}

TEST_F(CheckCommit, TheRecordIsInTheMessage) {
  CommitMessage message = mixed();
  message.drop(*message.ops[1].cid);
  EXPECT_EQ(checked(message).error(), atproto::Errc::block_missing);
}

TEST_F(CheckCommit, ANullOpOrUnknownActionIsOneBadEvent) {  // 8.4 items 3, 22
  CommitMessage message = mixed();
  message.null_op = true;
  EXPECT_EQ(checked(message).error(), atproto::Errc::event_malformed);
  message.null_op = false;
  message.ops[0].action = "put";
  EXPECT_EQ(checked(message).error(), atproto::Errc::event_malformed);
}

// Step 8: inversion.

TEST_F(CheckCommit, OperationsLeadBackToPrevData) {
  CommitMessage message = mixed();
  message.prev_data = Cid::of(Cid::Codec::dag_cbor, as_bytes("elsewhere"));
  EXPECT_EQ(checked(message).error(), Errc::inversion_mismatch);
}

TEST_F(CheckCommit, NoOperationIsHidden) {
  const CommitMessage good = mixed();
  for (std::size_t i = 0; i < good.ops.size(); ++i) {
    CommitMessage message = good;
    message.ops.erase(message.ops.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_EQ(checked(message).error(), Errc::inversion_mismatch) << i;
  }
}

TEST_F(CheckCommit, NoOperationIsMadeUp) {
  CommitMessage message = mixed();
  message.ops.push_back({"delete", account.new_path(), {}, message.ops[0].cid});
  const auto made_up = checked(message);
  ASSERT_FALSE(made_up);
  EXPECT_TRUE(made_up.error() == Errc::inversion_mismatch || made_up.error() == atproto::Errc::mst_partial);
  // A removal of what is still there.
  message = mixed();
  message.ops.push_back({"delete", message.ops[1].path + "x", {}, message.ops[0].cid});
  message.ops.back().path = message.ops[0].path;
  message.ops.erase(message.ops.begin());
  EXPECT_EQ(checked(message).error(), atproto::Errc::mst_conflict);
}

TEST_F(CheckCommit, AWrongPrevIsNoticed) {
  CommitMessage message = mixed();
  message.ops[2].prev = Cid::of(Cid::Codec::dag_cbor, as_bytes("another record"));
  EXPECT_EQ(checked(message).error(), Errc::inversion_mismatch);
}

TEST_F(CheckCommit, WithoutPrevDataItIsLegacy) {  // 8.4 item 7
  CommitMessage message = mixed();
  message.prev_data.reset();
  EXPECT_EQ(checked(message).error(), Errc::legacy);
}

TEST_F(CheckCommit, TheOrderOfOperationsDoesNotMatter) {
  CommitMessage message = mixed();
  std::ranges::sort(message.ops, {}, &CommitMessage::Op::path);
  do {
    EXPECT_TRUE(checked(message));
  } while (std::ranges::next_permutation(message.ops, {}, &CommitMessage::Op::path).found);
}

// What comes out.

TEST_F(CheckCommit, FilterKeepsItsCollectionsAndTheWholeIsStillChecked) {
  const CommitMessage message =
      account.commit({create("app.bsky.feed.like/a", post_record(1)), create("app.bsky.feed.post/b", post_record(2))});
  const auto verified = check(message, account.key(), Filter({"app.bsky.feed.post"}));
  ASSERT_TRUE(verified);
  ASSERT_EQ(verified->ops.size(), 1U);
  EXPECT_EQ(verified->ops[0].rkey, "b");
  EXPECT_EQ(verified->data, account.head()->data);
  CommitMessage hidden = message;
  hidden.ops.erase(hidden.ops.begin());
  EXPECT_EQ(check(hidden, account.key(), Filter({"app.bsky.feed.post"})).error(), Errc::inversion_mismatch);
}

TEST_F(CheckCommit, ARecordOutsideTheDataModelIsEmittedWithoutContent) {  // protocol 2.2
  const Bytes loose = test::hex("a2 6162 01 6161 01");                    // keys out of order
  const auto verified = checked(account.commit({create(account.new_path(), loose)}));
  ASSERT_TRUE(verified) << verified.error().message();
  EXPECT_EQ(verified->ops[0].cid, Cid::of(Cid::Codec::dag_cbor, loose));
  EXPECT_EQ(verified->ops[0].record_json, "");
}

TEST_F(CheckCommit, ARecordOfTooMuchJsonIsEmittedWithoutContentAndTakesNoMemory) {
  const Bytes record = post_record(1, std::string(400'000, '<'));
  const auto verified = checked(account.commit({create(account.new_path(), record)}));
  ASSERT_TRUE(verified) << verified.error().message();
  EXPECT_EQ(verified->ops[0].cid, Cid::of(Cid::Codec::dag_cbor, record));
  EXPECT_EQ(verified->ops[0].record_json, "");
  EXPECT_LT(verified->ops[0].record_json.capacity(), 100U);
}

TEST_F(CheckCommit, DamagedMessagesAreNeverBelieved) {
  test::Dice dice(3);
  const CommitMessage message = mixed();
  const Bytes good = message.payload();
  const auto truth = checked(message).value();
  for (int i = 0; i < 3'000; ++i) {
    const Bytes payload = test::mutate(dice, good);
    const auto event = atproto::decode_commit(payload);
    if (!event) continue;
    const auto verified = check_commit(*event, account.key().public_key(), {});
    if (!verified) continue;
    // Only what is not signed can have changed: seq, time, since, blobs.
    ASSERT_EQ(verified->data, truth.data);
    ASSERT_EQ(verified->prev_data, truth.prev_data);
    ASSERT_EQ(verified->rev, truth.rev);
    ASSERT_EQ(verified->ops.size(), truth.ops.size());
  }
}

}  // namespace
}  // namespace tap::verify
