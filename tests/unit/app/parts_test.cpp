// SPDX-License-Identifier: MIT
#include "app/parts.hpp"

#include "support/loop.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <unistd.h>

namespace tap::app {
namespace {

class PartsTest : public testing::Test {
 protected:
  PartsTest() { std::filesystem::create_directories(directory); }
  ~PartsTest() override { std::filesystem::remove_all(directory); }
  std::string directory = testing::TempDir() + "parts_test." + std::to_string(::getpid());
  test::Loop loop;
};

TEST_F(PartsTest, NeverGiveTheIdOfARepoThatIsGoneToAnother) {
  Config config;
  config.db_url = directory + "/tap.db";
  const auto did = atproto::Did::parse("did:web:a.test").value();
  {
    const auto store = store::open_store(config.db_url).value();
    store::Write write;
    write.mutations.emplace_back(store::AddRepo{repos::RepoId{7}, did});
    write.mutations.emplace_back(store::RemoveRepo{repos::RepoId{7}});
    ASSERT_TRUE(store->load_repos([](const store::RepoRow&) {}));
    ASSERT_TRUE(store->apply({&write, 1}, {}));
  }
  Parts parts(loop.executor(), config, "", {});
  EXPECT_EQ(parts.table.size(), 0U);
  EXPECT_GT(parts.table.allocate(), repos::RepoId{7});
}

}  // namespace
}  // namespace tap::app
