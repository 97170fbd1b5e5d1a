// SPDX-License-Identifier: MIT
// What a relay may send in place of an honest event, kind by kind: nobody is told, /info says why the repo is not
// followed, and its PDS puts it right.
#include "integration/gated_car.hpp"
#include "integration/tap_test.hpp"

#include <variant>

namespace tap::test {
namespace {

using atproto::Cid;
using ::testing::HasSubstr;

constexpr std::size_t kPosts = 10;
using Message = std::variant<CommitMessage, SyncMessage>;

/// `tell` makes the next event of an account and lies in it; the account is a twin of the honest one.
struct Lie {
  const char* row;
  const char* reason;  ///< a part of what /info says
  Message (*tell)(Account& twin);
};

Cid some_cid() { return Cid::of(Cid::Codec::dag_cbor, as_bytes("nothing")); }
SigningKey stolen_key() { return {atproto::Curve::k256, 666}; }
Write new_post(Account& twin) { return create(twin.new_path(), post_record(500)); }
Write changed_post(const Account& twin) { return update(twin.records().begin()->first, post_record(501)); }
/// An honest commit with another word here and there.
template <class Kind, class Edit>
Kind edited(Kind message, Edit edit) {
  edit(message);
  return message;
}

const std::vector<Lie> kLies = {
    {"CommitLost", "does not follow the commit that we hold",
     [](Account& twin) -> Message {
       (void)twin.post();
       return twin.post();
     }},
    {"WrongSince", "does not follow the commit that we hold",
     [](Account& twin) -> Message { return edited(twin.post(), [](auto& m) { m.since = "3kaaaaaaaaa2a"; }); }},
    {"AnotherKey", "signature does not verify",
     [](Account& twin) -> Message { return twin.commit({new_post(twin)}, {.key = stolen_key()}); }},
    {"HighS", "signature is not in low-S form",
     [](Account& twin) -> Message { return twin.commit({new_post(twin)}, {.high_s = true}); }},
    {"AnothersCommit", "event, commit and repo do not agree",
     [](Account& twin) -> Message { return twin.commit({new_post(twin)}, {.did = Account(2).did()}); }},
    {"RevOfTheCommit", "event, commit and repo do not agree",
     [](Account& twin) -> Message {
       return twin.commit({new_post(twin)}, {.rev = atproto::Tid::parse("3kaaaaaaaaa2a").value()});
     }},
    {"RevOfTheEvent", "event, commit and repo do not agree",
     [](Account& twin) -> Message {
       auto first = twin.post();
       first.rev = twin.post().rev;
       return first;
     }},
    {"RevIsNone", "not a TID",
     [](Account& twin) -> Message { return edited(twin.post(), [](auto& m) { m.rev = "today"; }); }},
    {"FarFuture", "rev lies in the future",
     [](Account& twin) -> Message {
       twin.set_next_rev(atproto::Tid::parse("bzzzzzzzzzzzz").value());
       return twin.post();
     }},
    {"RecordMissing", "missing",
     [](Account& twin) -> Message { return edited(twin.post(), [](auto& m) { m.drop(*m.ops[0].cid); }); }},
    {"TreeMissing", "missing",
     [](Account& twin) -> Message { return edited(twin.post(), [&](auto& m) { m.drop(twin.head()->data); }); }},
    {"CommitMissing", "missing",
     [](Account& twin) -> Message { return edited(twin.post(), [](auto& m) { m.drop(m.commit); }); }},
    {"WrongHash", "CAR block does not match its CID",
     [](Account& twin) -> Message { return edited(twin.post(), [](auto& m) { m.blocks.back().bytes[9] ^= 1; }); }},
    {"CarCut", "CAR ends too early",
     [](Account& twin) -> Message {
       return edited(twin.post(), [](auto& m) {
         m.car = make_car(m.commit, m.blocks);
         m.car->pop_back();
       });
     }},
    {"CarIsNone", "CAR",
     [](Account& twin) -> Message { return edited(twin.post(), [](auto& m) { m.car = Bytes(50, 'x'); }); }},
    {"AnotherRoot", "event, commit and repo do not agree",
     [](Account& twin) -> Message {
       return edited(twin.post(), [](auto& m) {
         m.car = make_car(m.commit, m.blocks);
         m.commit = some_cid();
       });
     }},
    {"WrongPrevData", "the operations do not lead from prevData to data",
     [](Account& twin) -> Message { return edited(twin.post(), [](auto& m) { m.prev_data = some_cid(); }); }},
    {"PrevDataAbsent", "legacy commit",
     [](Account& twin) -> Message { return edited(twin.post(), [](auto& m) { m.prev_data.reset(); }); }},
    {"PrevAbsent", "legacy commit",
     [](Account& twin) -> Message {
       return edited(twin.commit({changed_post(twin)}), [](auto& m) { m.ops[0].prev.reset(); });
     }},
    {"WrongPrev", "the operations do not lead from prevData to data",
     [](Account& twin) -> Message {
       return edited(twin.commit({changed_post(twin)}), [](auto& m) { m.ops[0].prev = some_cid(); });
     }},
    {"TooBig", "tooBig",
     [](Account& twin) -> Message {
       return edited(twin.post(), [](auto& m) {
         m.too_big = true;
         m.ops.clear();
         m.blocks.resize(1);
       });
     }},
    {"Rebase", "rebase",
     [](Account& twin) -> Message { return edited(twin.post(), [](auto& m) { m.rebase = true; }); }},
    {"AboveTheLimit", "above the limits of the protocol",
     [](Account& twin) -> Message {
       return edited(twin.post(), [](auto& m) {
         const Bytes large(2'000'001, 0);
         m.blocks.push_back({Cid::of(Cid::Codec::raw, large), large});
       });
     }},
    {"TooManyOps", "above the limits of the protocol",
     [](Account& twin) -> Message { return edited(twin.post(), [](auto& m) { m.ops.resize(201, m.ops[0]); }); }},
    {"HiddenDelete", "the operations do not lead from prevData to data",
     [](Account& twin) -> Message {
       const std::string victim = twin.records().begin()->first;
       return edited(twin.commit({new_post(twin), remove(victim)}), [](auto& m) { m.ops.pop_back(); });
     }},
    {"HiddenCreate", "the operations do not lead from prevData to data",
     [](Account& twin) -> Message {
       return edited(twin.commit({new_post(twin), new_post(twin)}), [](auto& m) { m.ops.pop_back(); });
     }},
    {"MadeUpDelete", "the operations do not lead from prevData to data",
     [](Account& twin) -> Message {
       return edited(twin.post(), [&](auto& m) { m.ops.push_back({"delete", twin.new_path(), {}, some_cid()}); });
     }},
    {"AnotherRecord", "inconsistent operation",
     [](Account& twin) -> Message { return edited(twin.post(), [](auto& m) { m.ops[0].cid = some_cid(); }); }},
    {"PathIsNone", "not a repo path",
     [](Account& twin) -> Message { return edited(twin.post(), [](auto& m) { m.ops[0].path = "nonsense"; }); }},
    {"SamePathTwice", "inconsistent operation",
     [](Account& twin) -> Message { return edited(twin.post(), [](auto& m) { m.ops.push_back(m.ops[0]); }); }},
    {"NullOp", "event is malformed",
     [](Account& twin) -> Message { return edited(twin.post(), [](auto& m) { m.null_op = true; }); }},
    {"UnknownAction", "event is malformed",
     [](Account& twin) -> Message { return edited(twin.post(), [](auto& m) { m.ops[0].action = "rename"; }); }},
    {"SyncOfOtherContent", "the repo has other content than we hold",
     [](Account& twin) -> Message {
       (void)twin.post();
       return twin.sync();
     }},
    {"SyncOfAnotherKey", "signature does not verify",
     [](Account& twin) -> Message {
       (void)twin.commit({new_post(twin)}, {.key = stolen_key()});
       return twin.sync();
     }},
    {"SyncOfAnothersCommit", "event, commit and repo do not agree",
     [](Account& twin) -> Message {
       Account other(2);
       other.fill(1);
       (void)twin.post();
       return edited(twin.sync(), [&](auto& m) { m.car = other.sync().car; });
     }},
};

class Lies : public TapTest, public ::testing::WithParamInterface<Lie> {
 protected:
  [[nodiscard]] nlohmann::json info(const Account& account) const { return get("/info/" + account.did().str()); }
};

TEST_P(Lies, AreToldToNobodyNamedByInfoAndPutRight) {
  Account alice(1);
  Account twin(1);
  alice.fill(kPosts);
  twin.fill(kPosts);
  start();
  consume();
  onboard(alice);
  // What her PDS has by then is newer than the lie.
  for (int i = 0; i < 3; ++i) (void)alice.post();
  GatedCar car(alice.full_car());
  publish_repo(alice);
  pds_.answer(alice.did().str(), {.source = car.source()});
  std::visit([this](auto message) { send(std::move(message)); }, GetParam().tell(twin));

  wait_for("the reason", [&] { return info(alice).at("error") != ""; });
  EXPECT_THAT(info(alice).at("error").get<std::string>(), HasSubstr(GetParam().reason));
  EXPECT_NE(info(alice).at("state"), "active");
  EXPECT_EQ(told(alice).size(), kPosts + 1) << "the lie was told";

  car.let_go();
  await_records(alice);
  await_state(alice, "active");
  EXPECT_EQ(info(alice).at("error"), "");
  send(alice.post());
  await_records(alice);
  EXPECT_TRUE(told(alice).back().is_live());
}

INSTANTIATE_TEST_SUITE_P(, Lies, ::testing::ValuesIn(kLies),
                         [](const auto& info) { return std::string(info.param.row); });

}  // namespace
}  // namespace tap::test
