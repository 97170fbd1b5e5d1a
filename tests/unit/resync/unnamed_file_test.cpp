// SPDX-License-Identifier: MIT
#include "tap/resync/error.hpp"

#include "resync/block_file.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <unistd.h>

namespace tap::resync {
namespace {

template <int kError>
int refuse(const char*, int, mode_t) {
  errno = kError;
  return -1;
}

class UnnamedFile : public testing::TestWithParam<OpenFile> {
 protected:
  UnnamedFile() { std::filesystem::create_directories(directory); }
  ~UnnamedFile() override { std::filesystem::remove_all(directory); }
  std::string directory = testing::TempDir() + "unnamed_file_test." + std::to_string(::getpid());
};

TEST_P(UnnamedFile, IsThereWhereTheFileSystemKnowsNone) {
  BlockFile file(directory, {.memory = 16}, GetParam());
  const Bytes bytes(100, 7);
  const auto cid = atproto::Cid::of(atproto::Cid::Codec::raw, bytes);
  ASSERT_TRUE(file.put(cid, bytes));
  EXPECT_GT(file.spilled(), 0U);
  EXPECT_TRUE(std::filesystem::is_empty(directory));  // its name is gone at once
  const auto got = file.get(cid);
  ASSERT_TRUE(got);
  EXPECT_EQ(Bytes(got->begin(), got->end()), bytes);
}
INSTANTIATE_TEST_SUITE_P(Answers, UnnamedFile, testing::Values(&refuse<EOPNOTSUPP>, &refuse<EISDIR>));

using UnnamedFileRefused = UnnamedFile;
TEST_P(UnnamedFileRefused, LeavesOtherErrorsAsTheyAre) {
  EXPECT_LT(open_unnamed(directory, GetParam()), 0);
  EXPECT_EQ(errno, EACCES);
  EXPECT_TRUE(std::filesystem::is_empty(directory));
}
INSTANTIATE_TEST_SUITE_P(Answers, UnnamedFileRefused, testing::Values(&refuse<EACCES>));

TEST(UnnamedFileNowhere, SaysSoWhenTheFallbackFailsToo) {
  BlockFile file("/nonexistent/directory", {.memory = 16}, &refuse<EISDIR>);
  const Bytes bytes(100, 7);
  const auto put = file.put(atproto::Cid::of(atproto::Cid::Codec::raw, bytes), bytes);
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error(), Errc::temporary_file);
}

}  // namespace
}  // namespace tap::resync
