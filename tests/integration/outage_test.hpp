// SPDX-License-Identifier: MIT
#pragma once

#include "integration/tap_test.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tap::test {

/// Accounts that write, whatever becomes of the PostgreSQL server that Tap keeps its state in.
class OutageTest : public TapTest {
 protected:
  void onboard_accounts(std::uint64_t count) {
    for (std::uint64_t number = 1; number <= count; ++number) {
      accounts_.emplace_back(number).fill(20);
      onboard(accounts_.back());
    }
  }
  void send_more(std::size_t commits) {
    for (std::size_t i = 0; i < commits; ++i) {
      Account& account = accounts_[i % accounts_.size()];
      send(account.post());
      sent_[account.did().str()].push_back(account.head()->rev.str());
    }
  }
  void await_all() {
    for (const Account& account : accounts_) await_records(account);
  }
  /// No repo had to be fetched again: each commit came live, once, and in its order.
  void expect_each_commit_once() {
    for (const Account& account : accounts_) EXPECT_EQ(live_revs(account), sent_[account.did().str()]);
  }
  /// How often Tap has said that the server is gone.
  [[nodiscard]] std::size_t losses() {
    return static_cast<std::size_t>(std::ranges::count_if(tap().lines(), [](const std::string& line) {
      return line.find("the database was lost in a commit") != std::string::npos ||
             line.find("writing to the database fails") != std::string::npos;
    }));
  }

  std::vector<Account> accounts_;

 private:
  /// Of the account's live events as they came.
  [[nodiscard]] std::vector<std::string> live_revs(const Account& account) const {
    std::vector<std::string> revs;
    for (const Event& event : told(account)) {
      if (event.is_live()) revs.push_back(event.body.at("rev"));
    }
    return revs;
  }

  std::map<std::string, std::vector<std::string>> sent_;  // DID to the revs of its commits
};

}  // namespace tap::test
