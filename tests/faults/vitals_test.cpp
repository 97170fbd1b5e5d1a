// SPDX-License-Identifier: MIT
#include "faults/vitals.hpp"

#include <gtest/gtest.h>

namespace tap::faults {
namespace {

constexpr std::uint64_t kMegabyte = 1 << 20;

/// So many megabytes at each of 400 times.
template <class At>
MemoryCourse course(At megabytes_at) {
  std::vector<std::uint64_t> samples;
  for (std::size_t time = 0; time < 400; ++time) {
    const auto megabytes = static_cast<std::uint64_t>(megabytes_at(time));
    samples.push_back(megabytes * kMegabyte);
  }
  return MemoryCourse::of(samples);
}

TEST(MemoryCourse, IsFlatWhenCachesHaveFilledWithinTheFirstQuarter) {
  EXPECT_TRUE(course([](std::size_t time) { return time < 100 ? 20 + time / 4 : 45; }).is_flat());
}

TEST(MemoryCourse, IsFlatWhenWhatIsLargeMeetsNowAndThen) {
  EXPECT_TRUE(course([](std::size_t time) { return time % 50 == 0 ? 70 : 45; }).is_flat());
  EXPECT_TRUE(course([](std::size_t time) { return time == 350 ? 57 : 45; }).is_flat());
  EXPECT_FALSE(course([](std::size_t time) { return time == 350 ? 58 : 45; }).is_flat());
}

TEST(MemoryCourse, IsNotFlatWhenALittleStaysEachTime) {
  const auto leak = course([](std::size_t time) { return 45 + time / 25; });
  EXPECT_EQ(
      leak.str(),
      "45 MB at the start, at most 60 MB; median 51.0 MB in the second quarter, 59.0 in the last; most 52 and 60");
  EXPECT_FALSE(leak.is_flat());
  // Also below what is large now and then.
  EXPECT_FALSE(course([](std::size_t time) { return time % 50 == 0 ? 70 : 45 + time / 25; }).is_flat());
}

TEST(MemoryCourse, OfNothingIsNothing) {
  EXPECT_TRUE(MemoryCourse::of({}).is_flat());
  const std::uint64_t one = kMegabyte;
  EXPECT_EQ(MemoryCourse::of({&one, 1}).most, kMegabyte);
}

}  // namespace
}  // namespace tap::faults
