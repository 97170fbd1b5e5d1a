// SPDX-License-Identifier: MIT
#include "tap/atproto/event.hpp"

#include "tap/atproto/error.hpp"

#include "support/atproto/account.hpp"
#include "support/atproto/dice.hpp"
#include "support/atproto/slow_cbor.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace tap::atproto {
namespace {

using test::Account;
using test::Dice;
using test::hex;
namespace slow = test::slow;

constexpr std::int64_t kMaxSeq = (std::int64_t{1} << 53) - 1;

slow::Map fields_of(const Bytes& payload) { return std::get<slow::Map>(slow::decode(payload)->data); }
Bytes frame_of(const slow::Map& header, const slow::Map& payload) {
  Bytes out = slow::encode({header});
  const Bytes body = slow::encode({payload});
  out.insert(out.end(), body.begin(), body.end());
  return out;
}
slow::Value text(std::string value) { return {std::move(value)}; }
slow::Value number(std::int64_t value) { return {value}; }

TEST(FrameHead, NamesKindSeqAndDidOfEveryType) {
  Account account(1);
  auto commit = account.post();
  commit.seq = 5;
  auto sync = account.sync();
  sync.seq = 6;
  auto identity = account.identity();
  identity.seq = 7;
  auto status = account.status(false, "takendown");
  status.seq = 8;
  const std::pair<EventKind, Bytes> frames[] = {{EventKind::commit, commit.frame()},
                                                {EventKind::sync, sync.frame()},
                                                {EventKind::identity, identity.frame()},
                                                {EventKind::account, status.frame()}};
  std::int64_t seq = 5;
  for (const auto& [kind, frame] : frames) {
    const auto head = read_frame_head(frame);
    ASSERT_TRUE(head) << head.error().message();
    EXPECT_EQ(head->kind, kind);
    EXPECT_EQ(head->seq, seq++);
    EXPECT_EQ(head->did, account.did().str());
  }
  const Bytes info = test::info_frame("OutdatedCursor", "gone");
  EXPECT_EQ(read_frame_head(info)->kind, EventKind::info);
  EXPECT_EQ(read_frame_head(info)->did, "");
  const Bytes error = test::error_frame("FutureCursor", "no");
  EXPECT_EQ(read_frame_head(error)->kind, EventKind::error);
  EXPECT_EQ(decode_error(read_frame_head(error)->body)->error, "FutureCursor");
}

TEST(FrameHead, UnknownTypesAndOpsAreNoErrors) {
  const slow::Map payload{{"seq", number(3)}, {"did", text("did:plc:x")}};
  for (const auto& header :
       {slow::Map{{"t", text("#handle")}, {"op", number(1)}}, slow::Map{{"t", text("#commit")}, {"op", number(2)}},
        slow::Map{{"op", number(0)}}, slow::Map{{"op", number(-2)}}, slow::Map{{"op", number(1)}}}) {
    const auto frame = frame_of(header, payload);
    const auto head = read_frame_head(frame);
    ASSERT_TRUE(head);
    EXPECT_EQ(head->kind, EventKind::unknown);
    EXPECT_EQ(head->seq, 3);
  }
}

TEST(FrameHead, SeqIsAPositiveIntegerBelowTwoToThe53) {
  const auto seq_of = [](slow::Value seq) {
    const Bytes frame = frame_of({{"t", text("#sync")}, {"op", number(1)}}, {{"seq", std::move(seq)}});
    return read_frame_head(frame).value().seq;
  };
  EXPECT_EQ(seq_of(number(1)), 1);
  EXPECT_EQ(seq_of(number(kMaxSeq)), kMaxSeq);
  EXPECT_EQ(seq_of(number(kMaxSeq + 1)), 0);
  EXPECT_EQ(seq_of(number(INT64_MAX)), 0);
  EXPECT_EQ(seq_of(number(-1)), 0);
  EXPECT_EQ(seq_of(text("1")), 0);
  EXPECT_EQ(seq_of({slow::Null{}}), 0);
}

TEST(FrameHead, BadFramingIsRefused) {
  for (const char* digits : {"", "a0", "80", "f6", "ff", "a1626f70", "a1626f7001", "a1626f700180", "a1626f7001a1",
                             "a1626f706131a0", "a2626f7001617461 23a0", "00a0"}) {
    const auto head = read_frame_head(hex(digits));
    ASSERT_FALSE(head) << digits;
    EXPECT_EQ(head.error(), Errc::frame_malformed);
  }
}

TEST(CommitEvent, RoundTripsAllItsFields) {
  Account account(2);
  const auto first = account.post();
  const std::string path = first.ops[0].path;
  auto message = account.commit(
      {test::update(path, test::post_record(99)), test::create(account.new_path(), test::post_record(100))});
  message.seq = 9;
  message.too_big = true;
  const Bytes payload = message.payload();
  const auto event = decode_commit(payload);
  ASSERT_TRUE(event) << event.error().message();
  EXPECT_EQ(event->seq, 9);
  EXPECT_EQ(event->repo, account.did().str());
  EXPECT_EQ(event->rev, account.head()->rev.str());
  EXPECT_EQ(event->since, first.rev);
  EXPECT_EQ(event->commit, account.head()->commit);
  EXPECT_EQ(event->prev_data, message.prev_data);
  EXPECT_EQ(event->time, message.time);
  EXPECT_TRUE(event->too_big);
  EXPECT_FALSE(event->rebase);
  ASSERT_EQ(event->ops.size(), 2U);
  EXPECT_EQ(event->ops[0].action, Action::update);
  EXPECT_EQ(event->ops[0].path, path);
  EXPECT_EQ(event->ops[0].prev, first.ops[0].cid);
  EXPECT_EQ(event->ops[0].cid, message.ops[0].cid);
  EXPECT_EQ(event->ops[1].action, Action::create);
  EXPECT_EQ(event->ops[1].prev, std::nullopt);
}

/// Takes each field away, and gives each another type, and says which of both the decoder minds.
template <class Decode>
void expect_required(const Bytes& payload, Decode decode, std::vector<std::string> optional) {
  const slow::Map good = fields_of(payload);
  ASSERT_TRUE(decode(payload));
  for (const auto& [key, value] : good) {
    slow::Map fewer = good;
    fewer.erase(key);
    const bool needed = std::ranges::find(optional, key) == optional.end();
    const auto without = decode(slow::encode({fewer}));
    EXPECT_EQ(without.has_value(), !needed) << key;
    if (needed) {
      EXPECT_EQ(without.error(), Errc::event_malformed) << key;
    }
    if (key == "blobs") continue;
    slow::Map wrong = good;
    wrong[key] = {slow::Map{}};
    EXPECT_EQ(decode(slow::encode({wrong})).error(), Errc::event_malformed) << key;
  }
  slow::Map more = good;
  more["zzz"] = {slow::Array{number(1)}};
  EXPECT_TRUE(decode(slow::encode({more})));
  Bytes trailing = payload;
  trailing.push_back(0);
  EXPECT_EQ(decode(trailing).error(), Errc::event_malformed);
  EXPECT_EQ(decode(Bytes{}).error(), Errc::event_malformed);
  EXPECT_EQ(decode(hex("80")).error(), Errc::event_malformed);
}

TEST(Events, RequiredFieldsAreRequiredAndTyped) {
  Account account(3);
  const auto commit = account.post();
  expect_required(commit.payload(), decode_commit, {"blobs", "rebase", "tooBig", "prevData"});
  expect_required(account.sync().payload(), decode_sync, {});
  expect_required(account.identity().payload(), decode_identity, {"handle"});
  expect_required(account.status(false, "suspended").payload(), decode_account, {"status"});
  const Bytes info = test::info_frame("OutdatedCursor", "gone");
  const ByteView body = read_frame_head(info)->body;
  expect_required(Bytes(body.begin(), body.end()), decode_info, {"message"});
  expect_required(slow::encode({slow::Map{{"error", text("FutureCursor")}}}), decode_error, {"message"});
}

TEST(CommitEvent, OpsAreMapsOfAKnownAction) {
  Account account(4);
  const auto with_ops = [&, good = fields_of(account.post().payload())](slow::Value ops) {
    slow::Map fields = good;
    fields["ops"] = std::move(ops);
    const Bytes payload = slow::encode({fields});
    const auto event = decode_commit(payload);
    return event ? Errc{} : static_cast<Errc>(event.error().code().value());
  };
  const slow::Map op{{"action", text("create")}, {"path", text("a.b.c/d")}, {"cid", {slow::Null{}}}};
  EXPECT_EQ(with_ops({slow::Array{}}), Errc{});
  EXPECT_EQ(with_ops({slow::Array{{op}}}), Errc{});
  EXPECT_EQ(with_ops({slow::Array{{op}, {slow::Null{}}}}), Errc::event_malformed);  // 8.4 item 3
  EXPECT_EQ(with_ops({slow::Null{}}), Errc::event_malformed);
  for (const char* key : {"action", "path"}) {
    slow::Map fewer = op;
    fewer.erase(key);
    EXPECT_EQ(with_ops({slow::Array{{fewer}}}), Errc::event_malformed) << key;
  }
  for (const char* action : {"", "Create", "put", "creates"}) {  // 8.4 item 22
    slow::Map unknown = op;
    unknown["action"] = text(action);
    EXPECT_EQ(with_ops({slow::Array{{unknown}}}), Errc::event_malformed) << action;
  }
}

TEST(CommitEvent, SizesAreNotTheDecodersBusiness) {
  // 8.4 item 8: a frame above the protocol's limits is one bad event, not a bad stream.
  Account account(5);
  auto message = account.post();
  message.car = Bytes(3'000'000, 0);
  message.ops.resize(9'000, message.ops[0]);
  const Bytes frame = message.frame();
  const auto head = read_frame_head(frame);
  ASSERT_TRUE(head) << head.error().message();
  const auto event = decode_commit(head->body);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->blocks.size(), 3'000'000U);
  EXPECT_EQ(event->ops.size(), 9'000U);
}

TEST(AccountEvent, ActiveAndStatusAreIndependent) {
  Account account(6);
  const Bytes payload = account.status(true, "throttled").payload();
  const auto event = decode_account(payload);
  ASSERT_TRUE(event);
  EXPECT_TRUE(event->active);
  EXPECT_EQ(event->status, "throttled");
  EXPECT_EQ(event->did, account.did().str());
}

TEST(IdentityEvent, HandleMayBeAbsentOrNull) {
  test::IdentityMessage message;
  message.did = "did:plc:x";
  EXPECT_EQ(decode_identity(message.payload())->handle, std::nullopt);
  slow::Map fields = fields_of(message.payload());
  fields["handle"] = {slow::Null{}};
  EXPECT_EQ(decode_identity(slow::encode({fields}))->handle, std::nullopt);
}

/// A whole frame decodes as its kind says: nothing crashes, and what decodes says what the DOM says.
TEST(Events, DamagedFramesAgreeWithTheDom) {
  Account account(7);
  auto message = account.post();
  message.seq = 77;
  const Bytes good = message.frame();
  Dice dice(1);
  int decoded = 0;
  for (int i = 0; i < 5'000; ++i) {
    const Bytes frame = test::mutate(dice, good);
    const auto head = read_frame_head(frame);
    if (!head || head->kind != EventKind::commit) continue;
    const auto event = decode_commit(head->body);
    if (!event) continue;
    ++decoded;
    ASSERT_TRUE(slow::is_canonical(head->body));
    const slow::Map fields = fields_of(Bytes(head->body.begin(), head->body.end()));
    ASSERT_EQ(event->repo, std::get<std::string>(fields.at("repo").data));
    ASSERT_EQ(event->seq, std::get<std::int64_t>(fields.at("seq").data));
    ASSERT_TRUE(std::ranges::equal(event->blocks, std::get<Bytes>(fields.at("blocks").data)));
    if (head->seq != 0) {
      ASSERT_EQ(head->seq, event->seq);
    }
    ASSERT_EQ(head->did, event->repo);
  }
  EXPECT_GT(decoded, 500);
}

TEST(FrameHead, TimeOfAnEventIsReadWithoutTheRest) {
  Account alice(1);
  const auto commit = alice.post();
  EXPECT_EQ(read_event_time(commit.payload()), commit.time);
  EXPECT_EQ(read_event_time(alice.identity().payload()), "2024-01-01T00:00:00Z");
  EXPECT_EQ(read_event_time(slow::encode({slow::Map{{"seq", {std::int64_t{1}}}}})), "");
  EXPECT_EQ(read_event_time(slow::encode({slow::Map{{"time", {std::int64_t{1}}}}})), "");
  EXPECT_EQ(read_event_time({}), "");
}

}  // namespace
}  // namespace tap::atproto
