// SPDX-License-Identifier: MIT
#include "resync/block_file.hpp"

#include "tap/atproto/error.hpp"
#include "tap/resync/error.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

namespace tap::resync {
namespace {

using atproto::Cid;

Bytes block(std::uint64_t number, std::size_t size) {
  Bytes bytes(size, static_cast<std::uint8_t>(number));
  for (std::size_t i = 0; i < sizeof number && i < size; ++i) bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return bytes;
}

std::string temporary() { return std::filesystem::temp_directory_path().string(); }

/// In memory, and spilled at every size.
class BlockFiles : public testing::TestWithParam<std::size_t> {};

TEST_P(BlockFiles, GiveBackWhatWasPut) {
  BlockFile file(temporary(), {.memory = GetParam()});
  std::mt19937 dice(3);
  std::vector<std::pair<Cid, Bytes>> blocks;
  for (std::uint64_t number = 0; number < 500; ++number) {
    const std::size_t size = number % 50 == 0 ? 5'000 + dice() % 20'000 : 8 + dice() % 600;
    Bytes bytes = block(number, size);
    const Cid cid = Cid::of(number % 3 == 0 ? Cid::Codec::raw : Cid::Codec::dag_cbor, bytes);
    ASSERT_TRUE(file.put(cid, bytes));
    blocks.emplace_back(cid, std::move(bytes));
    const auto& [known, content] = blocks[dice() % blocks.size()];
    const auto got = file.get(known);
    ASSERT_TRUE(got) << got.error().message();
    ASSERT_EQ(Bytes(got->begin(), got->end()), content);
  }
  for (const auto& [cid, content] : blocks) {
    const auto got = file.get(cid);
    ASSERT_TRUE(got);
    EXPECT_EQ(Bytes(got->begin(), got->end()), content);
  }
  EXPECT_EQ(file.size(), 500U);
  EXPECT_EQ(file.spilled() > 0, GetParam() < (1U << 20));
}

TEST_P(BlockFiles, KeepARepeatedBlockOnce) {
  BlockFile file(temporary(), {.memory = GetParam()});
  const Bytes bytes = block(1, 100);
  const Cid cid = Cid::of(Cid::Codec::dag_cbor, bytes);
  for (int time = 0; time < 3; ++time) ASSERT_TRUE(file.put(cid, bytes));
  EXPECT_EQ(file.size(), 1U);
}

TEST_P(BlockFiles, TellCodecsApart) {
  BlockFile file(temporary(), {.memory = GetParam()});
  const Bytes bytes = block(1, 100);
  ASSERT_TRUE(file.put(Cid::of(Cid::Codec::raw, bytes), bytes));
  EXPECT_FALSE(file.contains(Cid::of(Cid::Codec::dag_cbor, bytes)).value());
}

TEST_P(BlockFiles, SayThatABlockIsMissing) {
  BlockFile file(temporary(), {.memory = GetParam()});
  const Cid cid = Cid::of(Cid::Codec::dag_cbor, block(1, 10));
  EXPECT_FALSE(file.contains(cid).value());
  const auto got = file.get(cid);
  ASSERT_FALSE(got);
  EXPECT_TRUE(got.error() == Errc::incomplete) << got.error().message();
}

TEST_P(BlockFiles, HoldAnEmptyBlock) {
  BlockFile file(temporary(), {.memory = GetParam()});
  const Cid cid = Cid::of(Cid::Codec::raw, {});
  ASSERT_TRUE(file.put(cid, {}));
  EXPECT_TRUE(file.get(cid).value().empty());
}

TEST_P(BlockFiles, AreReadInAnyOrder) {
  BlockFile file(temporary(), {.memory = GetParam()});
  constexpr std::size_t kBlocks = 1'000;
  const auto bytes_of = [](std::size_t at) { return block(at, at % 100 == 7 ? 150'000 : 9 + at * 37 % 4'000); };
  std::vector<Cid> cids;
  for (std::size_t at = 0; at < kBlocks; ++at) {
    const Bytes bytes = bytes_of(at);
    cids.push_back(Cid::of(Cid::Codec::raw, bytes));
    ASSERT_TRUE(file.put(cids.back(), bytes));
  }
  const auto check = [&](std::size_t at) {
    const auto got = file.get(cids[at]);
    ASSERT_TRUE(got);
    ASSERT_EQ(Bytes(got->begin(), got->end()), bytes_of(at)) << at;
  };
  for (std::size_t at = 0; at < kBlocks; ++at) check(at);
  for (std::size_t at = kBlocks; at-- > 0;) check(at);
  for (std::size_t at = 0, n = 0; n < kBlocks; ++n, at = (at + 613) % kBlocks) check(at);
}

INSTANTIATE_TEST_SUITE_P(Memory, BlockFiles, testing::Values(1, 1'000, 64 << 10, 16 << 20));

TEST(BlockFile, TellsBlocksApartThatShareAPlaceInTheIndex) {
  // 24 bits of hash and 40,000 blocks: about fifty pairs share one.
  BlockFile file(temporary(), {.memory = 1 << 16});
  std::vector<Cid> cids;
  for (std::uint64_t number = 0; number < 40'000; ++number) {
    const Bytes bytes = block(number, 12);
    cids.push_back(Cid::of(Cid::Codec::dag_cbor, bytes));
    ASSERT_TRUE(file.put(cids.back(), bytes));
  }
  for (std::uint64_t number = 0; number < cids.size(); ++number) {
    const auto got = file.get(cids[number]);
    ASSERT_TRUE(got);
    ASSERT_EQ(Bytes(got->begin(), got->end()), block(number, 12));
  }
  EXPECT_EQ(file.size(), cids.size());
}

TEST(BlockFile, SaysWhenThereIsNoPlaceToSpillTo) {
  BlockFile file("/nonexistent/directory", {.memory = 64});
  const Bytes bytes = block(1, 100);
  const auto put = file.put(Cid::of(Cid::Codec::raw, bytes), bytes);
  ASSERT_FALSE(put);
  EXPECT_TRUE(put.error() == Errc::temporary_file) << put.error().message();
}

TEST(BlockFile, SaysWhenTheDiskIsFull) {
  BlockFile file("anywhere", {.memory = 64}, [](const char*, int, mode_t) { return ::open("/dev/full", O_RDWR); });
  const Bytes bytes = block(1, 100);
  const auto put = file.put(Cid::of(Cid::Codec::raw, bytes), bytes);
  ASSERT_FALSE(put);
  EXPECT_TRUE(put.error() == Errc::temporary_file) << put.error().message();
}

TEST(BlockFile, LeavesNothingBehindInTheDirectory) {
  const std::string directory = testing::TempDir() + "block_file_test";
  std::filesystem::create_directories(directory);
  {
    BlockFile file(directory, {.memory = 16});
    const Bytes bytes = block(1, 100);
    ASSERT_TRUE(file.put(Cid::of(Cid::Codec::raw, bytes), bytes));
    EXPECT_GT(file.spilled(), 0U);
    EXPECT_TRUE(std::filesystem::is_empty(directory));
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory));
  std::filesystem::remove(directory);
}

/// So many different blocks; how many it took.
std::size_t put_blocks(BlockFile& file, std::size_t count, std::size_t size, Error& why) {
  for (std::uint64_t number = 0; number < count; ++number) {
    const Bytes bytes = block(number, size);
    if (auto put = file.put(Cid::of(Cid::Codec::dag_cbor, bytes), bytes); !put) {
      why = put.error();
      return number;
    }
  }
  return count;
}

TEST(BlockFile, RefusesOneBlockMoreThanItMayHold) {
  BlockFile file(temporary(), {.blocks = 1'000});
  Error why;
  EXPECT_EQ(put_blocks(file, 1'001, 8, why), 1'000U);
  EXPECT_TRUE(why == atproto::Errc::car_too_large) << why.message();
  EXPECT_TRUE(file.put(Cid::of(Cid::Codec::dag_cbor, block(7, 8)), block(7, 8))) << "which is there";
}

TEST(BlockFile, TakesWhatTheFilesShareAndGivesItBack) {
  metrics::Registry metrics;
  BytePool pool(metrics, "files", 10'000);
  const metrics::Gauge& used = metrics.queue("files", 10'000);
  Error why;
  {
    BlockFile first(temporary(), {.memory = 1'000, .file = &pool});
    EXPECT_EQ(put_blocks(first, 40, 100, why), 40U);
    EXPECT_EQ(static_cast<std::uint64_t>(used.value()), first.spilled());
    EXPECT_GT(first.spilled(), 4'000U);
    BlockFile second(temporary(), {.memory = 1'000, .file = &pool});
    EXPECT_LT(put_blocks(second, 100, 100, why), 50U);
    EXPECT_TRUE(why == Errc::temporary_file) << why.message();
    EXPECT_EQ(static_cast<std::uint64_t>(used.value()), first.spilled() + second.spilled());
    EXPECT_LE(used.value(), 10'000);
  }
  EXPECT_EQ(used.value(), 0);
  BlockFile third(temporary(), {.memory = 1'000, .file = &pool});
  EXPECT_EQ(put_blocks(third, 60, 100, why), 60U) << "there is room again";
}

TEST(BlockFile, HasAnIndexOfItsOwnWhileItIsSmallAndAShareBeyond) {
  metrics::Registry metrics;
  BytePool pool(metrics, "index", 1 << 20);
  const metrics::Gauge& used = metrics.queue("index", 1 << 20);
  Error why;
  {
    BlockFile first(temporary(), {.index = &pool});
    EXPECT_EQ(put_blocks(first, 24'576, 8, why), 24'576U);
    EXPECT_EQ(used.value(), 0);
    EXPECT_EQ(put_blocks(first, 24'577, 8, why), 24'577U);
    EXPECT_EQ(used.value(), 512 << 10) << "eight bytes a slot";
    BlockFile second(temporary(), {.index = &pool});
    EXPECT_EQ(put_blocks(second, 50'000, 8, why), 49'152U) << "to grow it would hold two for a moment";
    EXPECT_TRUE(why == Errc::temporary_file) << why.message();
    EXPECT_EQ(used.value(), 1 << 20);
    BlockFile third(temporary(), {.index = &pool});
    EXPECT_EQ(put_blocks(third, 24'577, 8, why), 24'576U);
  }
  EXPECT_EQ(used.value(), 0);
}

}  // namespace
}  // namespace tap::resync
