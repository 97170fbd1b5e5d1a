// SPDX-License-Identifier: MIT
#include "net/idle_pool.hpp"

#include <gtest/gtest.h>

#include <set>

namespace tap::net {
namespace {

using namespace std::chrono_literals;

struct World {
  std::set<int> alive;
  std::set<int> noisy;
};

class FakeConnection final : public Connection {
 public:
  FakeConnection(World& world, int id) : world_(world), id_(id) { world_.alive.insert(id); }
  ~FakeConnection() override { world_.alive.erase(id_); }
  Task<Result<std::size_t>> read_some(std::span<std::uint8_t>) override { co_return std::size_t{0}; }
  Task<Result<void>> write(ByteView) override { co_return Result<void>{}; }
  void write(ByteView, std::function<void(bool)>) override {}
  void close() override {}
  bool is_quiet() override { return !world_.noisy.contains(id_); }
  [[nodiscard]] int id() const { return id_; }

 private:
  World& world_;
  int id_;
};

class IdlePoolTest : public testing::Test {
 protected:
  void put(const std::string& place, int id) { pool_.put(place, std::make_unique<FakeConnection>(world_, id), now_); }
  /// The id of what comes, 0 for nothing. It is dropped afterwards.
  int take(const std::string& place) {
    const auto connection = pool_.take(place, now_);
    return connection ? dynamic_cast<FakeConnection&>(*connection).id() : 0;
  }
  World world_;
  IdlePool pool_{4, 2};
  SteadyTime now_;
};

TEST_F(IdlePoolTest, GivesTheYoungestOfThePlace) {
  put("a", 1);
  put("a", 2);
  put("b", 3);
  EXPECT_EQ(take("a"), 2);
  EXPECT_EQ(take("a"), 1);
  EXPECT_EQ(take("a"), 0);
  EXPECT_EQ(take("b"), 3);
}

TEST_F(IdlePoolTest, DropsTheOldestAboveTheLimitOfAPlace) {
  for (int id = 1; id <= 3; ++id) put("a", id);
  EXPECT_EQ(world_.alive, (std::set{2, 3}));
}

TEST_F(IdlePoolTest, DropsTheOldestAboveTheLimitOfAll) {
  for (int id = 1; id <= 5; ++id) put(std::string(1, static_cast<char>('a' + id)), id);
  EXPECT_EQ(world_.alive, (std::set{2, 3, 4, 5}));
}

TEST_F(IdlePoolTest, PassesOverConnectionsThatSpokeOrEnded) {
  put("a", 1);
  put("a", 2);
  world_.noisy = {2};
  EXPECT_EQ(take("a"), 1);
  EXPECT_EQ(pool_.size(), 0u);
}

TEST_F(IdlePoolTest, DropsWhatIsOlderThanItsAge) {
  put("a", 1);
  now_ += IdlePool::kMaxAge / 2;
  put("b", 2);
  now_ += IdlePool::kMaxAge / 2 + 1s;
  EXPECT_EQ(take("a"), 0);
  EXPECT_EQ(world_.alive, (std::set{2}));
}

TEST_F(IdlePoolTest, MayBeOfNoSize) {
  IdlePool none(0, 0);
  none.put("a", std::make_unique<FakeConnection>(world_, 1), now_);
  EXPECT_EQ(none.size(), 0u);
  EXPECT_TRUE(world_.alive.empty());
}

}  // namespace
}  // namespace tap::net
