// SPDX-License-Identifier: MIT
#include "identity/cache.hpp"

#include "support/clock_fakes.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tap::identity {
namespace {

using namespace std::chrono_literals;

atproto::Did did_of(std::size_t number) {
  return atproto::Did::parse("did:web:host" + std::to_string(number) + ".test").value();
}
Result<IdentityPtr> identity_of(const atproto::Did& did, std::string pds = {}, std::size_t document_bytes = 0) {
  Identity identity;
  identity.did = did;
  identity.pds = std::move(pds);
  identity.unusual_document.assign(document_bytes, 'x');
  return std::make_shared<const Identity>(std::move(identity));
}

class CacheTest : public testing::Test {
 protected:
  void put(std::size_t number, const Result<IdentityPtr>& answer, bool refresh = false) {
    cache.put(did_of(number), answer, clock.steady(), refresh);
  }
  void put(std::size_t number) { put(number, identity_of(did_of(number))); }
  bool holds(std::size_t number) { return find(number).has_value(); }
  std::optional<Result<IdentityPtr>> find(std::size_t number) {
    return cache.find(did_of(number).str(), clock.steady());
  }

  test::FakeClock clock;
  Cache cache{3, {24h, 2min, 5s}};
};

TEST_F(CacheTest, GivesUpTheLeastRecentlyUsed) {
  for (std::size_t i = 0; i < 3; ++i) put(i);
  EXPECT_TRUE(holds(0));
  put(3);
  EXPECT_EQ(cache.size(), 3U);
  EXPECT_TRUE(holds(0));
  EXPECT_FALSE(holds(1));
  EXPECT_TRUE(holds(2));
  EXPECT_TRUE(holds(3));
}

TEST_F(CacheTest, ForgetsIdentitiesAfterADayAndErrorsSooner) {
  put(0);
  put(1, fail(Errc::not_found));
  put(2, fail(Errc::unavailable));
  clock.advance(5s - 1ms);
  EXPECT_TRUE(holds(2));
  clock.advance(1ms);
  EXPECT_FALSE(holds(2));
  EXPECT_EQ(find(1).value().error(), Errc::not_found);
  clock.advance(2min);
  EXPECT_FALSE(holds(1));
  EXPECT_TRUE(holds(0));
  clock.advance(24h);
  EXPECT_FALSE(holds(0));
}

TEST_F(CacheTest, KeepsAnIdentityWhenTheDirectoryDoesNotAnswer) {
  put(0);
  clock.advance(25h);
  EXPECT_FALSE(holds(0));
  put(0, fail(Errc::unavailable));
  EXPECT_TRUE(find(0).value());
  clock.advance(5s);
  EXPECT_FALSE(holds(0));
}

TEST_F(CacheTest, ReplacesAnIdentityByASureNo) {
  put(0);
  put(0, fail(Errc::tombstoned));
  EXPECT_EQ(find(0).value().error(), Errc::tombstoned);
  EXPECT_EQ(cache.size(), 1U);
  put(0, identity_of(did_of(0), "https://new.test"));
  EXPECT_EQ(find(0).value().value()->pds, "https://new.test");
}

TEST_F(CacheTest, RemembersWhenItWasRefreshed) {
  const auto now = clock.steady();
  put(0);
  EXPECT_FALSE(cache.refreshed(did_of(0).str(), now - 5s));
  put(0, identity_of(did_of(0)), true);
  EXPECT_TRUE(cache.refreshed(did_of(0).str(), now - 5s));
  EXPECT_FALSE(cache.refreshed(did_of(0).str(), now));
}

TEST_F(CacheTest, LongDocumentsCountAsSeveral) {
  put(0);
  put(1);
  put(2, identity_of(did_of(2), {}, 1'500));
  EXPECT_EQ(cache.weight(), 3U);
  EXPECT_FALSE(holds(0));
  EXPECT_TRUE(holds(1));
  // One that is larger than everything is not kept at all.
  put(3, identity_of(did_of(3), {}, 1 << 20));
  EXPECT_EQ(cache.size(), 0U);
  EXPECT_EQ(cache.weight(), 0U);
}

TEST_F(CacheTest, ErasesAndKeepsItsWeight) {
  put(0, identity_of(did_of(0), {}, 1'500));
  put(1, fail(Errc::not_found));
  cache.erase(did_of(0).str());
  cache.erase(did_of(9).str());
  EXPECT_FALSE(holds(0));
  EXPECT_EQ(cache.weight(), 1U);
}

TEST(Cache, OfNoCapacityHoldsNothing) {
  Cache cache(0, {24h, 2min, 5s});
  cache.put(did_of(0), identity_of(did_of(0)), SteadyTime(1h), false);
  EXPECT_EQ(cache.size(), 0U);
}

}  // namespace
}  // namespace tap::identity
