// SPDX-License-Identifier: MIT
#include "repos/slot_index.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <span>
#include <vector>

namespace tap::repos {
namespace {

/// Keys are by entry number, as in the table.
struct HashOfKey {
  const std::vector<std::uint64_t>* keys;
  std::uint64_t (*hash)(std::uint64_t);
  std::uint64_t operator()(std::uint32_t entry) const { return hash((*keys)[entry]); }
};

std::uint64_t spread(std::uint64_t key) { return key * 0x9e37'79b9'7f4a'7c15; }
std::uint64_t same_for_all(std::uint64_t) { return 0x1234'5678'9abc'def0; }
/// Where an entry is and what else the slot knows of its hash come from different bits.
std::uint64_t same_place(std::uint64_t key) { return key << 20; }
std::uint64_t same_tag(std::uint64_t key) { return key & 0xfff; }

class SlotIndexSearch : public testing::TestWithParam<std::uint64_t (*)(std::uint64_t)> {};

TEST_P(SlotIndexSearch, KnowsWhatIsInAfterAnyHistory) {
  std::mt19937_64 random(7);
  std::vector<std::uint64_t> keys(600);
  for (std::uint64_t i = 0; i < keys.size(); ++i) keys[i] = i * 31 + 5;
  const HashOfKey hash_of{&keys, GetParam()};
  SlotIndex<HashOfKey> index(hash_of);
  // The first `size` are in. A number is given out again before a new one, as the table does it.
  std::vector<std::uint32_t> entries(keys.size());
  std::iota(entries.begin(), entries.end(), 0U);
  std::size_t size = 0;
  for (int step = 0; step < 4'000; ++step) {
    if (size < entries.size() && random() % 5 < 3) {
      index.insert(hash_of(entries[size]), entries[size]);
      ++size;
    } else if (size > 0) {
      std::swap(entries[random() % size], entries[size - 1]);
      --size;
      index.erase(hash_of(entries[size]), entries[size]);
    }
    const auto asked = static_cast<std::uint32_t>(random() % keys.size());
    const auto found = index.find(hash_of(asked), [&](std::uint32_t other) { return keys[other] == keys[asked]; });
    const bool in = std::ranges::count(std::span(entries).first(size), asked) == 1;
    ASSERT_EQ(found, in ? asked : SlotIndex<HashOfKey>::kNone) << "step " << step;
  }
}

INSTANTIATE_TEST_SUITE_P(Hashes, SlotIndexSearch, testing::Values(&spread, &same_for_all, &same_place, &same_tag));

TEST(SlotIndex, LooksAtFewEntriesOfOtherKeys) {
  std::vector<std::uint64_t> keys(3'000);
  for (std::uint64_t i = 0; i < keys.size(); ++i) keys[i] = i;
  const HashOfKey hash_of{&keys, &spread};
  SlotIndex<HashOfKey> index(hash_of);
  for (std::uint32_t entry = 0; entry < keys.size(); ++entry) index.insert(hash_of(entry), entry);
  int looked = 0;
  for (std::uint64_t key = 10'000; key < 20'000; ++key) {
    const auto other = [&](std::uint32_t) { return ++looked, false; };
    EXPECT_EQ(index.find(spread(key), other), SlotIndex<HashOfKey>::kNone);
  }
  EXPECT_LT(looked, 100);
}

}  // namespace
}  // namespace tap::repos
