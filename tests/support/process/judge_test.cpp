// SPDX-License-Identifier: MIT
// Every broken promise must be noticed.
#include "support/process/judge.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tap::test {
namespace {

using ::testing::HasSubstr;

const std::string kDid = "did:plc:abcdefghijklmnopqrstuvwx";

class JudgeTest : public ::testing::Test {
 protected:
  /// A live event, acked.
  void tell(std::uint64_t id, const std::string& action, const std::string& rkey, const std::string& rev = "3k1",
            const std::string& cid = "one") {
    judge_.add(live(id, action, rkey, rev, cid));
    judge_.acking(id);
  }
  static Event live(std::uint64_t id, const std::string& action, const std::string& rkey,
                    const std::string& rev = "3k1", const std::string& cid = "one") {
    nlohmann::json record = {{"live", true}, {"did", kDid},           {"rev", rev},
                             {"rkey", rkey}, {"collection", "a.b.c"}, {"action", action}};
    if (action != "delete") record["cid"] = cid;
    return Event::parse(nlohmann::json{{"id", id}, {"type", "record"}, {"record", record}}.dump());
  }
  /// Of a fetched repo: without order among themselves.
  static Event historical(std::uint64_t id, const std::string& rkey, const std::string& rev = "3k1") {
    const nlohmann::json record = {{"live", false}, {"did", kDid},           {"rev", rev},        {"rkey", rkey},
                                   {"cid", "one"},  {"collection", "a.b.c"}, {"action", "create"}};
    return Event::parse(nlohmann::json{{"id", id}, {"type", "record"}, {"record", record}}.dump());
  }
  static Event status(std::uint64_t id, bool is_active) {
    const nlohmann::json identity = {{"did", kDid}, {"is_active", is_active}};
    return Event::parse(nlohmann::json{{"id", id}, {"type", "identity"}, {"identity", identity}}.dump());
  }
  void tell_status(std::uint64_t id, bool is_active) {
    judge_.add(status(id, is_active));
    judge_.acking(id);
  }
  static Judge::Truth truth(RecordCids records, std::set<std::string> deleted = {}) {
    return {.records = std::move(records), .deleted = std::move(deleted)};
  }

  Judge judge_;
};

TEST_F(JudgeTest, KeptPromisesAreNoViolation) {
  tell(1, "create", "x");
  tell(1, "create", "x");
  tell(2, "update", "x", "3k2", "two");
  tell(4, "create", "y", "3k3");
  tell(5, "delete", "y", "3k4");
  EXPECT_EQ(judge_.violation(), "");
  EXPECT_EQ(judge_.difference(kDid, truth({{"a.b.c/x", "two"}})), "");
  EXPECT_EQ(judge_.count().events, 4U);
  EXPECT_EQ(judge_.count().repeats, 1U);
}

TEST_F(JudgeTest, NothingFollowsALiveEventThatIsUnacked) {
  judge_.add(live(1, "create", "x"));
  judge_.add(live(1, "create", "x"));
  EXPECT_EQ(judge_.violation(), "") << "to send it again is no breach";
  judge_.add(historical(2, "y", "3k2"));
  EXPECT_THAT(judge_.violation(), HasSubstr("told while 1 is unacked"));
}

TEST_F(JudgeTest, LiveEventDoesNotComeBeforeAllEarlierOnesAreAcked) {
  judge_.add(historical(1, "x"));
  judge_.add(historical(2, "y"));
  judge_.acking(1);
  EXPECT_EQ(judge_.violation(), "");
  judge_.add(live(3, "create", "z", "3k2"));
  EXPECT_THAT(judge_.violation(), HasSubstr("told while 2 is unacked"));
}

TEST_F(JudgeTest, NorDoesOneThatTellsOfTheAccount) {
  judge_.add(historical(1, "x"));
  judge_.add(status(2, false));
  EXPECT_THAT(judge_.violation(), HasSubstr("told while 1 is unacked"));
}

TEST_F(JudgeTest, NorDoesAnotherFetch) {
  judge_.add(historical(1, "x"));
  judge_.add(historical(2, "y", "3k2"));
  EXPECT_THAT(judge_.violation(), HasSubstr("told while 1 is unacked"));
}

TEST_F(JudgeTest, WhatNobodyEverAckedHoldsBackTheRestOverACrash) {
  judge_.add(live(1, "create", "x"));
  judge_.begin_life();
  judge_.add(live(2, "create", "y", "3k2"));
  EXPECT_THAT(judge_.violation(), HasSubstr("told while 1 is unacked"));
}

TEST_F(JudgeTest, WhatIsAckedComesAgainInOrderAndOnlyBehindACrash) {
  tell(1, "create", "x");
  tell(2, "create", "y", "3k2");
  judge_.begin_life();
  tell(1, "create", "x");
  tell(2, "create", "y", "3k2");
  EXPECT_EQ(judge_.violation(), "");
  tell(1, "create", "x");
  EXPECT_THAT(judge_.violation(), HasSubstr("told again behind 2"));
}

TEST_F(JudgeTest, AcksOfAnEarlierLifeAreNoneForWhatComesAgain) {
  tell(1, "create", "x");
  judge_.begin_life();
  judge_.add(live(1, "create", "x"));
  judge_.add(live(2, "create", "y", "3k2"));
  EXPECT_THAT(judge_.violation(), HasSubstr("told while 1 is unacked"));
}

TEST_F(JudgeTest, RepeatsThatWereOnTheirWayToAnotherConsumerAreNoViolation) {
  Judge shared(Judge::Consumers::several);
  for (const Event& event : {live(1, "create", "x"), live(2, "create", "y", "3k2")}) {
    shared.add(event);
    shared.acking(event.id);
  }
  shared.add(live(1, "create", "x"));
  shared.add(live(3, "create", "z", "3k3"));
  EXPECT_EQ(shared.violation(), "");
  shared.add(live(4, "create", "w", "3k4"));
  EXPECT_THAT(shared.violation(), HasSubstr("told while 3 is unacked"));
}

TEST_F(JudgeTest, WhatIsDoneWithMustHaveBeenAckedAndComesNeverAgain) {
  judge_.add(live(1, "create", "x"));
  judge_.acking(1);
  judge_.acking(2);  // of nothing
  judge_.all_done();
  EXPECT_EQ(judge_.violation(), "");
  judge_.begin_life();
  tell(1, "create", "x");
  EXPECT_THAT(judge_.violation(), HasSubstr("an id behind 1"));
  Judge other;
  other.add(live(1, "create", "x"));
  other.all_done();
  EXPECT_THAT(other.violation(), HasSubstr("done with 1, which nobody acked"));
}

TEST_F(JudgeTest, OfWhoIsAwayTheStatusAloneCounts) {
  tell(1, "create", "x");
  const Judge::Truth away{.records = {}, .deleted = {}, .is_active = false};
  EXPECT_THAT(judge_.difference(kDid, away), HasSubstr("status"));
  tell_status(2, false);
  EXPECT_EQ(judge_.difference(kDid, away), "");
  judge_.settle(kDid, away);
  tell_status(3, true);
  EXPECT_THAT(judge_.difference(kDid, truth({})), HasSubstr("its delete was not told")) << "it is known still";
}

TEST_F(JudgeTest, IdThatStandsForTwoEventsIsSeen) {
  tell(1, "create", "x");
  tell(1, "create", "y");
  EXPECT_THAT(judge_.violation(), HasSubstr("another event"));
}

TEST_F(JudgeTest, IdThatGoesBackIsSeen) {
  tell(2, "create", "x");
  tell(1, "create", "y");
  EXPECT_THAT(judge_.violation(), HasSubstr("an id behind 2"));
}

TEST_F(JudgeTest, RevThatGoesBackIsSeen) {
  tell(1, "create", "x", "3k2");
  tell(2, "create", "y", "3k1");
  EXPECT_THAT(judge_.violation(), HasSubstr("a rev behind 3k2"));
}

TEST_F(JudgeTest, WhatDoesNotFitWhatWasToldIsSeen) {
  tell(1, "create", "x");
  tell(2, "create", "x");
  EXPECT_THAT(judge_.violation(), HasSubstr("a create of what is there"));
  tell(3, "delete", "y");
  EXPECT_THAT(judge_.violation(), HasSubstr("a create of what is there")) << "the first one stays";
}

TEST_F(JudgeTest, DeleteOfWhatIsNotThereIsSeen) {
  tell(1, "delete", "x");
  EXPECT_THAT(judge_.violation(), HasSubstr("not there"));
}

TEST_F(JudgeTest, WhatWasNotToldIsSeen) {
  EXPECT_THAT(judge_.difference(kDid, truth({})), HasSubstr("nothing was told"));
  tell(1, "create", "x");
  tell(2, "create", "y");
  EXPECT_THAT(judge_.difference(kDid, truth({{"a.b.c/x", "one"}})), HasSubstr("its delete was not told"));
  EXPECT_THAT(judge_.difference(kDid, truth({{"a.b.c/x", "two"}})), HasSubstr("old version"));
  EXPECT_THAT(judge_.difference(kDid, truth({{"a.b.c/z", "one"}})), HasSubstr("not told"));
  tell_status(3, false);
  EXPECT_THAT(judge_.difference(kDid, truth({{"a.b.c/x", "one"}, {"a.b.c/y", "one"}})), HasSubstr("status"));
}

TEST_F(JudgeTest, WhatIsAddedAgainMayBeToldAgainUntilItIsSettled) {
  tell(1, "create", "x");
  tell(2, "create", "gone");
  judge_.expect_everything_again(kDid);
  tell(3, "create", "x");
  EXPECT_EQ(judge_.violation(), "");
  const auto known = truth({{"a.b.c/x", "one"}}, {"a.b.c/gone"});
  EXPECT_EQ(judge_.difference(kDid, known), "");
  EXPECT_THAT(judge_.difference(kDid, truth({{"a.b.c/x", "one"}})), HasSubstr("its delete was not told"));
  judge_.settle(kDid, known);
  tell(4, "create", "x");
  EXPECT_THAT(judge_.violation(), HasSubstr("a create of what is there"));
}

TEST_F(JudgeTest, HistoricalEventsMayOvertakeEachOtherOnlyWhereConsumersShareThem) {
  Judge shared(Judge::Consumers::several);
  shared.add(historical(2, "x"));
  shared.add(historical(1, "y"));
  EXPECT_EQ(shared.violation(), "");
  judge_.add(historical(2, "x"));
  judge_.add(historical(1, "y"));
  EXPECT_THAT(judge_.violation(), HasSubstr("an id behind"));
}

TEST_F(JudgeTest, NoEventOvertakesOneThatGoesAlone) {
  Judge shared(Judge::Consumers::several);
  shared.add(Event::parse(R"({"id":2,"type":"identity","identity":{"did":")" + kDid +
                          R"(","handle":"a.b","is_active":true,"status":""}})"));
  shared.add(historical(1, "x"));
  EXPECT_THAT(shared.violation(), HasSubstr("an id behind 2"));
}

TEST_F(JudgeTest, WhatComesLongAfterItsAckIsSeen) {
  tell(1, "create", "x");
  judge_.all_acked();
  tell(1, "create", "x");  // it may still have been on its way
  EXPECT_EQ(judge_.violation(), "");
  judge_.all_acked();
  judge_.all_acked();
  tell(1, "create", "x");
  EXPECT_THAT(judge_.violation(), HasSubstr("an id behind"));
}

TEST_F(JudgeTest, WhoIsForgottenBeginsAnew) {
  tell(1, "create", "x");
  judge_.forget(kDid);
  EXPECT_EQ(judge_.difference(kDid, truth({})), kDid + ": nothing was told of it");
  tell(2, "create", "x");
  EXPECT_EQ(judge_.violation(), "");
}

}  // namespace
}  // namespace tap::test
