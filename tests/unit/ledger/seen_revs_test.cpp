// SPDX-License-Identifier: MIT
#include "tap/ledger/seen_revs.hpp"

#include <gtest/gtest.h>

namespace tap::ledger {
namespace {

using atproto::Tid;
using repos::RepoId;
using Verdict = SeenRevs::Verdict;

TEST(SeenRevs, TakesWhatIsNotOlderThanTheNewestThatWasSeen) {
  SeenRevs revs;
  EXPECT_EQ(revs.fetched(RepoId{1}, Tid(0)), Verdict::current) << "nothing was seen";
  for (const std::uint64_t rev : {5U, 9U, 7U}) revs.saw(RepoId{1}, Tid(rev));
  EXPECT_EQ(revs.fetched(RepoId{1}, Tid(8)), Verdict::behind);
  EXPECT_EQ(revs.fetched(RepoId{1}, Tid(9)), Verdict::current);
  EXPECT_EQ(revs.fetched(RepoId{2}, Tid(8)), Verdict::current) << "another repo";
}

TEST(SeenRevs, GivesUpAfterThreeFetchesInVainThoughNewerOnesAreSeen) {
  SeenRevs revs;
  for (std::uint64_t fetch = 1; fetch <= 3; ++fetch) {
    revs.saw(RepoId{1}, Tid(fetch * 10));
    EXPECT_EQ(revs.fetched(RepoId{1}, Tid(1)), Verdict::behind);
  }
  EXPECT_EQ(revs.fetched(RepoId{1}, Tid(1)), Verdict::hopeless);
  EXPECT_EQ(revs.fetched(RepoId{1}, Tid(30)), Verdict::current);

  revs.forget(RepoId{1});
  revs.saw(RepoId{1}, Tid(60));
  EXPECT_EQ(revs.fetched(RepoId{1}, Tid(50)), Verdict::behind) << "another time";
}

TEST(SeenRevs, RemembersABoundedNumberOfRepos) {
  SeenRevs revs(3);
  for (std::uint64_t id = 1; id <= 10; ++id) revs.saw(RepoId{id}, Tid(5));
  EXPECT_EQ(revs.size(), 3U);
  EXPECT_EQ(revs.fetched(RepoId{3}, Tid(4)), Verdict::behind);
  EXPECT_EQ(revs.fetched(RepoId{4}, Tid(4)), Verdict::current);
  revs.saw(RepoId{3}, Tid(6));
  revs.forget(RepoId{3});
  revs.saw(RepoId{4}, Tid(5));
  EXPECT_EQ(revs.fetched(RepoId{4}, Tid(4)), Verdict::behind);
}

}  // namespace
}  // namespace tap::ledger
