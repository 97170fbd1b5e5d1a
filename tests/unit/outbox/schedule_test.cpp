// SPDX-License-Identifier: MIT
#include "tap/outbox/schedule.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>

namespace tap::outbox {
namespace {

using testing::IsEmpty;

constexpr auto kH = Order::historical;
constexpr auto kL = Order::barrier;

/// Numbers instead of ids; all in one lane unless said.
class Tested {
 public:
  explicit Tested(std::initializer_list<Order> orders = {}) {
    for (const Order order : orders) add(++last_, 1, order);
  }
  void add(std::uint64_t id, std::uint64_t lane, Order order) { schedule.add(EventId{id}, LaneKey{lane}, order); }
  std::vector<std::uint64_t> take(std::size_t max = 100) {
    std::vector<std::uint64_t> out;
    for (const EventId id : schedule.take_ready(max)) out.push_back(static_cast<std::uint64_t>(id));
    return out;
  }
  bool ack(std::uint64_t id) { return schedule.acked(EventId{id}); }
  void give_back(std::initializer_list<std::uint64_t> ids) {
    std::vector<EventId> all;
    for (const auto id : ids) all.push_back(EventId{id});
    schedule.returned(all);
  }
  Schedule schedule;

 private:
  std::uint64_t last_ = 0;
};

using Ids = std::vector<std::uint64_t>;

TEST(Schedule, FollowsTheSequenceOfTheProtocol) {
  Tested tested{kH, kH, kL, kH, kH};
  EXPECT_EQ(tested.take(), (Ids{1, 2}));
  EXPECT_THAT(tested.take(), IsEmpty());
  tested.ack(1);
  EXPECT_THAT(tested.take(), IsEmpty()) << "one is still out";
  tested.ack(2);
  EXPECT_EQ(tested.take(), (Ids{3})) << "the live one goes alone";
  EXPECT_THAT(tested.take(), IsEmpty());
  tested.ack(3);
  EXPECT_EQ(tested.take(), (Ids{4, 5}));
}

TEST(Schedule, LiveEventsGoOneAnAck) {
  Tested tested{kL, kL, kL};
  for (std::uint64_t id = 1; id <= 3; ++id) {
    EXPECT_EQ(tested.take(), (Ids{id}));
    EXPECT_THAT(tested.take(), IsEmpty());
    EXPECT_TRUE(tested.ack(id));
  }
  EXPECT_EQ(tested.schedule.size(), 0U);
}

TEST(Schedule, HistoricalEventWaitsForTheLiveOneBefore) {
  Tested tested{kL, kH};
  EXPECT_EQ(tested.take(), (Ids{1}));
  tested.ack(1);
  EXPECT_EQ(tested.take(), (Ids{2}));
}

TEST(Schedule, LanesDoNotWaitForEachOther) {
  Tested tested;
  for (std::uint64_t id = 1; id <= 6; ++id) tested.add(id, id % 3, kL);
  EXPECT_EQ(tested.take(), (Ids{1, 2, 3}));
  tested.ack(2);
  EXPECT_EQ(tested.take(), (Ids{5}));
}

TEST(Schedule, LanesTakeTurns) {
  Tested tested;
  for (std::uint64_t id = 1; id <= 4; ++id) tested.add(id, 1, kH);
  for (std::uint64_t id = 5; id <= 6; ++id) tested.add(id, 2, kH);
  EXPECT_EQ(tested.take(4), (Ids{1, 5, 2, 6}));
}

TEST(Schedule, LanesWithoutEventsTakeNoMemory) {
  Tested tested;
  for (std::uint64_t id = 1; id <= 100; ++id) tested.add(id, id, id % 2 == 0 ? kL : kH);
  EXPECT_EQ(tested.schedule.lanes(), 100U);
  EXPECT_THAT(tested.schedule.withdraw(LaneKey{1}, 0), testing::SizeIs(1));
  EXPECT_EQ(tested.take().size(), 99U);
  tested.give_back({2, 3});
  for (std::uint64_t id = 2; id <= 100; ++id) tested.ack(id);
  EXPECT_THAT(tested.take(), IsEmpty());
  EXPECT_EQ(tested.schedule.lanes(), 0U);
}

TEST(Schedule, TakesNoMoreThanAsked) {
  Tested tested{kH, kH, kH};
  EXPECT_THAT(tested.take(0), IsEmpty());
  EXPECT_EQ(tested.take(2), (Ids{1, 2}));
  EXPECT_TRUE(tested.schedule.has_ready());
  EXPECT_EQ(tested.schedule.out(), 2U);
  EXPECT_EQ(tested.take(2), (Ids{3}));
  EXPECT_FALSE(tested.schedule.has_ready());
}

TEST(Schedule, ReturnedEventsGoFirstAndInOrder) {
  Tested tested{kH, kH, kH, kH, kL};
  EXPECT_EQ(tested.take(3), (Ids{1, 2, 3}));
  tested.give_back({3, 1});
  EXPECT_EQ(tested.take(), (Ids{1, 3, 4}));
  tested.give_back({1, 2, 3, 4});
  EXPECT_EQ(tested.take(), (Ids{1, 2, 3, 4}));
}

TEST(Schedule, ReturnedLiveEventStillHoldsBackTheRest) {
  Tested tested{kL, kH};
  EXPECT_EQ(tested.take(), (Ids{1}));
  tested.give_back({1});
  EXPECT_EQ(tested.take(), (Ids{1}));
  EXPECT_THAT(tested.take(), IsEmpty());
}

TEST(Schedule, AckOfAnEventThatWasReturnedCounts) {
  Tested tested{kL, kH};
  EXPECT_EQ(tested.take(), (Ids{1}));
  tested.give_back({1});
  EXPECT_TRUE(tested.ack(1));
  EXPECT_EQ(tested.take(), (Ids{2}));
}

TEST(Schedule, AckOfAnEventThatNeverWentOutDoesNot) {
  Tested tested{kL, kH};
  EXPECT_FALSE(tested.ack(1));
  EXPECT_FALSE(tested.ack(2));
  EXPECT_FALSE(tested.ack(77));
  EXPECT_EQ(tested.take(), (Ids{1}));
  EXPECT_TRUE(tested.ack(1));
  EXPECT_FALSE(tested.ack(1));
  EXPECT_EQ(tested.schedule.size(), 1U);
}

TEST(Schedule, EndOfALaneIsWithdrawnAsFarAsItWasNeverOut) {
  Tested tested{kH, kH, kH, kL, kH, kH};
  tested.add(7, 2, kH);
  EXPECT_EQ(tested.take(3), (Ids{1, 7, 2}));
  tested.give_back({1, 2});
  EXPECT_EQ(tested.schedule.waiting(LaneKey{1}), 6U);
  EXPECT_EQ(tested.schedule.withdraw(LaneKey{1}, 4), (std::vector{EventId{5}, EventId{6}}));
  EXPECT_EQ(tested.schedule.withdraw(LaneKey{1}, 0), (std::vector{EventId{3}, EventId{4}}));
  EXPECT_THAT(tested.schedule.withdraw(LaneKey{3}, 0), IsEmpty()) << "there is no such lane";
  EXPECT_EQ(tested.schedule.size(), 3U);
  EXPECT_EQ(tested.take(), (Ids{1, 2}));
  tested.add(3, 1, kH);
  EXPECT_EQ(tested.take(), (Ids{3})) << "it may come again";
}

TEST(Schedule, ReturnOfUnknownOrWaitingEventsIsHarmless) {
  Tested tested{kH, kH};
  tested.give_back({1, 9});
  EXPECT_EQ(tested.take(1), (Ids{1}));
  tested.give_back({1, 1, 2});
  EXPECT_EQ(tested.take(), (Ids{1, 2}));
  EXPECT_EQ(tested.schedule.out(), 2U);
}

/// The rule of protocol 11.5, said plainly and looked up slowly.
class Model {
 public:
  struct Event {
    std::uint64_t lane;
    Order order;
    bool out = false, was_out = false;
  };
  std::map<std::uint64_t, Event> events;

  [[nodiscard]] bool may_send(std::uint64_t id) const {
    const Event& event = events.at(id);
    if (event.out) return false;
    for (const auto& [other_id, other] : events) {
      if (other.lane != event.lane || other_id == id) continue;
      if (other.out && other.order == kL) return false;
      if (other_id < id && !other.out) return false;
      if (event.order == kL && (other.out || other_id < id)) return false;
    }
    return true;
  }
  [[nodiscard]] bool any() const {
    return std::ranges::any_of(events, [&](const auto& event) { return may_send(event.first); });
  }
  void take(std::uint64_t id) { events.at(id).out = events.at(id).was_out = true; }
  bool ack(std::uint64_t id) {
    const auto found = events.find(id);
    if (found == events.end() || !found->second.was_out) return false;
    events.erase(found);
    return true;
  }
  void give_back(std::uint64_t id) {
    if (const auto found = events.find(id); found != events.end()) found->second.out = false;
  }
  [[nodiscard]] Ids out() const {
    Ids ids;
    for (const auto& [id, event] : events) {
      if (event.out) ids.push_back(id);
    }
    return ids;
  }
};

class ScheduleSearch : public testing::Test {
 protected:
  void add(std::uint64_t id, std::uint64_t lane, Order order) {
    schedule_->add(EventId{id}, LaneKey{lane}, order);
    model_.events[id] = {lane, order};
  }
  void take(std::size_t max) {
    const auto taken = schedule_->take_ready(max);
    for (const EventId id : taken) {
      ASSERT_TRUE(model_.may_send(static_cast<std::uint64_t>(id))) << static_cast<std::uint64_t>(id);
      model_.take(static_cast<std::uint64_t>(id));
    }
    if (taken.size() < max) ASSERT_FALSE(model_.any());
  }
  void ack(std::uint64_t id) { ASSERT_EQ(schedule_->acked(EventId{id}), model_.ack(id)); }
  void give_back(const Ids& ids) {
    std::vector<EventId> all;
    for (const auto id : ids) {
      all.push_back(EventId{id});
      model_.give_back(id);
    }
    schedule_->returned(all);
  }
  void check() {
    ASSERT_EQ(schedule_->has_ready(), model_.any());
    ASSERT_EQ(schedule_->size(), model_.events.size());
    ASSERT_EQ(schedule_->out(), model_.out().size());
  }

  std::unique_ptr<Schedule> schedule_ = std::make_unique<Schedule>();
  Model model_;
};

TEST_F(ScheduleSearch, EveryShortSequenceInOneLaneFollowsTheRule) {
  constexpr int kSteps = 5;
  constexpr int kKinds = 6;
  const int sequences = static_cast<int>(std::pow(kKinds, kSteps));
  for (unsigned orders = 0; orders < 16; ++orders) {
    for (int sequence = 0; sequence < sequences; ++sequence) {
      schedule_ = std::make_unique<Schedule>();
      model_ = {};
      for (unsigned i = 0; i < 4; ++i) add(i + 1, 1, (orders >> i & 1) != 0 ? kL : kH);
      for (int step = 0, rest = sequence; step < kSteps; ++step, rest /= kKinds) {
        const Ids out = model_.out();
        switch (rest % kKinds) {
          case 0:
            take(1);
            break;
          case 1:
            take(9);
            break;
          case 2:
            if (!out.empty()) ack(out.front());
            break;
          case 3:
            if (!out.empty()) ack(out.back());
            break;
          case 4:
            give_back(out);
            break;
          default:
            if (!out.empty()) give_back({out.back()});
        }
        check();
        if (HasFatalFailure()) FAIL() << "orders " << orders << " sequence " << sequence << " step " << step;
      }
    }
  }
}

TEST_F(ScheduleSearch, LongRandomSequencesOverManyLanesFollowTheRule) {
  std::mt19937_64 random(17);
  std::uint64_t last = 0;
  for (int step = 0; step < 20'000; ++step) {
    const Ids out = model_.out();
    switch (random() % 6) {
      case 0:
      case 1:
        if (model_.events.size() < 40) add(++last, random() % 5, random() % 3 == 0 ? kL : kH);
        break;
      case 2:
        take(random() % 6);
        break;
      case 3:
        if (!out.empty()) ack(out[random() % out.size()]);
        break;
      case 4:
        if (random() % 4 == 0) ack(1 + random() % (last + 2));
        break;
      default: {
        Ids some;
        for (const auto id : out) {
          if (random() % 3 == 0) some.push_back(id);
        }
        std::ranges::shuffle(some, random);
        give_back(some);
      }
    }
    check();
    if (HasFatalFailure()) FAIL() << "step " << step;
  }
}

}  // namespace
}  // namespace tap::outbox
