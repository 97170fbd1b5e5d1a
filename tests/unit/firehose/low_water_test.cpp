// SPDX-License-Identifier: MIT
#include "tap/firehose/low_water.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace tap::firehose {
namespace {

TEST(LowWater, StandsBeforeTheOldestUnfinished) {
  LowWater low(10);
  EXPECT_EQ(low.value(), 10);
  low.begin(12);
  low.begin(15);
  low.pass(20);
  EXPECT_EQ(low.value(), 11);
  EXPECT_EQ(low.seen(), 20);
  low.done(15);
  EXPECT_EQ(low.value(), 11);
  low.done(12);
  EXPECT_EQ(low.value(), 20);
}

TEST(LowWater, MovesWithTrafficThatAsksForNothing) {
  LowWater low;
  low.pass(7);
  low.pass(9);
  EXPECT_EQ(low.value(), 9);
}

TEST(LowWater, DoesNotMindSeqsThatItNeverSaw) {
  LowWater low(5);
  low.begin(6);
  low.done(0);
  low.done(99);
  EXPECT_EQ(low.value(), 5);
  low.done(6);
  low.done(6);
  EXPECT_EQ(low.value(), 6);
}

/// The definition, word for word: the highest seq seen with everything up to it done.
struct Model {
  struct Entry {
    std::int64_t seq;
    bool done;
  };
  std::int64_t start = 0;
  std::vector<Entry> entries;

  std::int64_t value() const {
    std::int64_t highest = start;
    for (const Entry& entry : entries) {
      if (!entry.done) return entry.seq - 1;
      highest = entry.seq;
    }
    return highest;
  }
};

TEST(LowWater, AgreesWithItsDefinitionInAnyOrder) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const std::int64_t start = random() % 3 == 0 ? 0 : random() % 1'000;
    LowWater low(start);
    Model model{start, {}};
    std::int64_t seq = start;
    std::int64_t last = low.value();
    for (int step = 0; step < 300; ++step) {
      const unsigned choice = random() % 4;
      if (choice == 0) {
        seq += 1 + random() % 3;
        low.pass(seq);
        model.entries.push_back({seq, true});
      } else if (choice == 1) {
        seq += 1 + random() % 3;
        low.begin(seq);
        model.entries.push_back({seq, false});
      } else if (!model.entries.empty()) {
        auto& entry = model.entries[random() % model.entries.size()];
        low.done(entry.seq);
        entry.done = true;
      }
      ASSERT_EQ(low.value(), model.value()) << "seed " << seed << " step " << step;
      ASSERT_GE(low.value(), last);
      last = low.value();
    }
    EXPECT_EQ(low.unfinished(),
              static_cast<std::size_t>(std::ranges::count(model.entries, false, &Model::Entry::done)));
  }
}

}  // namespace
}  // namespace tap::firehose
