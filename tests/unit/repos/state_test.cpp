// SPDX-License-Identifier: MIT
#include "tap/repos/state.hpp"

#include <gtest/gtest.h>

namespace tap::repos {
namespace {

TEST(RepoState, NamesGoBothWays) {
  for (const State state : {State::pending, State::desynchronized, State::resyncing, State::active, State::error}) {
    EXPECT_EQ(parse_state(name(state)), state);
  }
  EXPECT_EQ(name(State::desynchronized), "desynchronized");
  EXPECT_EQ(parse_state("takendown"), std::nullopt);
  EXPECT_EQ(parse_state(""), std::nullopt);
}

TEST(RepoState, AccountNamesAreThoseConsumersKnow) {
  for (const Account account :
       {Account::active, Account::takendown, Account::suspended, Account::deactivated, Account::deleted}) {
    EXPECT_EQ(parse_account(name(account)), account);
  }
  EXPECT_EQ(name(Account::inactive), "deactivated");
  EXPECT_EQ(parse_account("throttled"), std::nullopt);
}

}  // namespace
}  // namespace tap::repos
