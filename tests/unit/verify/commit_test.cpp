// SPDX-License-Identifier: MIT
#include "tap/verify/commit.hpp"

#include "support/atproto/account.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tap::verify {
namespace {

using test::Account;
using test::CommitMessage;

Result<VerifiedCommit> check(const CommitMessage& message, const Account& account, const Filter& filter = {}) {
  const Bytes payload = message.payload();
  const auto event = atproto::decode_commit(payload);
  if (!event) return std::unexpected(event.error());
  return check_commit(*event, account.key().public_key(), filter);
}

TEST(CheckCommit, AcceptsTheLifeOfARepoOnBothCurves) {
  for (const auto curve : {atproto::Curve::k256, atproto::Curve::p256}) {
    Account account(7, curve);
    std::vector<std::string> paths;
    for (int i = 0; i < 300; ++i) {
      std::vector<test::Write> writes;
      if (i % 5 == 3) {
        writes.push_back(test::remove(paths.back()));
        paths.pop_back();
        writes.push_back(
            test::update(paths[paths.size() / 2], test::post_record(static_cast<std::uint64_t>(i) + 10'000)));
      }
      for (int n = 0; n <= i % 3; ++n) {
        paths.push_back(account.new_path());
        writes.push_back(test::create(paths.back(), test::post_record(static_cast<std::uint64_t>(i * 3 + n))));
      }
      const auto before = account.head();
      const auto verified = check(account.commit(writes), account);
      ASSERT_TRUE(verified) << i << ": " << verified.error().message();
      EXPECT_EQ(verified->ops.size(), writes.size());
      EXPECT_EQ(verified->data, account.head()->data);
      if (before) {
        EXPECT_EQ(verified->prev_data, before->data);
      }
    }
  }
}

}  // namespace
}  // namespace tap::verify
