// SPDX-License-Identifier: MIT
#include "tap/verify/decide.hpp"

#include "tap/verify/error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace tap::verify {
namespace {

using atproto::Cid;
using atproto::Tid;
using repos::Account;
using repos::Repo;
using repos::State;

constexpr std::array kStates = {State::pending, State::desynchronized, State::resyncing, State::active, State::error};
constexpr std::array kAccounts = {Account::active,      Account::takendown, Account::suspended,
                                  Account::deactivated, Account::deleted,   Account::inactive};

constexpr WallTime kNow{std::chrono::microseconds(1'700'000'000'000'000)};
constexpr Tid tid(std::int64_t micros_from_now) {
  return Tid(static_cast<std::uint64_t>(kNow.time_since_epoch().count() + micros_from_now) << 10);
}
const Tid kOld = tid(-3000);
const Tid kHeld = tid(-2000);
const Tid kNew = tid(-1000);
const Tid kFuture = tid(std::chrono::microseconds(kFutureTolerance).count() + 1);

const Cid kData = Cid::of(Cid::Codec::dag_cbor, as_bytes("held"));
const Cid kOther = Cid::of(Cid::Codec::dag_cbor, as_bytes("other"));

Repo repo(State state = State::active, Account account = Account::active, bool has_head = true) {
  return {state, account, has_head ? std::optional(repos::Head{kHeld, kData, 1}) : std::nullopt};
}

TEST(FutureRev, IsWhatLiesMoreThanFiveMinutesAhead) {
  const auto limit = std::chrono::microseconds(kFutureTolerance).count();
  EXPECT_FALSE(is_future(tid(0), kNow));
  EXPECT_FALSE(is_future(tid(limit), kNow));
  EXPECT_TRUE(is_future(tid(limit + 1), kNow));
  EXPECT_TRUE(is_future(Tid(UINT64_MAX), kNow));
  EXPECT_FALSE(is_future(Tid(), kNow));
  // A clock that was set to before the epoch must not make everything pass.
  EXPECT_TRUE(is_future(tid(0), WallTime(-std::chrono::hours(1))));
}

TEST(Precheck, EveryStateAccountAndRevHasItsAnswer) {
  for (const State state : kStates) {
    for (const Account account : kAccounts) {
      for (const bool has_head : {true, false}) {
        for (const Tid rev : {kOld, kHeld, kNew, kFuture}) {
          const bool replay = has_head && rev <= kHeld;
          const Precheck expected = account != Account::active  ? Precheck::ignore
                                    : state == State::resyncing ? Precheck::buffer
                                    : state != State::active    ? Precheck::ignore
                                    : replay                    ? Precheck::ignore
                                                                : Precheck::check;
          EXPECT_EQ(precheck(repo(state, account, has_head), rev), expected)
              << static_cast<int>(state) << " " << static_cast<int>(account) << " " << has_head << " " << rev.str();
        }
      }
    }
  }
}

VerifiedCommit commit(Tid rev, const Cid& prev_data, std::optional<Tid> since) {
  VerifiedCommit out;
  out.rev = rev;
  out.prev_data = prev_data;
  out.since = since;
  out.data = kOther;
  return out;
}

void expect_outcome(const Outcome& outcome, Verdict verdict, std::optional<Errc> reason) {
  EXPECT_EQ(outcome.verdict, verdict);
  EXPECT_EQ(outcome.reason.code(), reason ? make_error_code(*reason) : std::error_code());
}

TEST(Decide, EveryCommitHasItsOutcome) {
  for (const bool has_head : {true, false}) {
    for (const Tid rev : {kOld, kHeld, kNew, kFuture}) {
      for (const Cid& prev_data : {kData, kOther}) {
        for (const auto since : {std::optional(kHeld), std::optional(kOld), std::optional<Tid>()}) {
          const auto outcome =
              decide(repo(State::active, Account::active, has_head), commit(rev, prev_data, since), kNow);
          const bool chains = prev_data == kData && since == kHeld;
          if (rev == kFuture) {
            expect_outcome(outcome, Verdict::desynchronize, Errc::future_rev);
          } else if (!has_head) {
            expect_outcome(outcome, Verdict::desynchronize, Errc::discontinuity);
          } else if (rev <= kHeld) {
            expect_outcome(outcome, Verdict::ignore, {});
          } else if (chains) {
            expect_outcome(outcome, Verdict::apply, {});
          } else {
            expect_outcome(outcome, Verdict::desynchronize, Errc::discontinuity);
          }
        }
      }
    }
  }
}

TEST(Decide, EverySyncHasItsOutcome) {
  for (const bool has_head : {true, false}) {
    for (const Tid rev : {kOld, kHeld, kNew, kFuture}) {
      for (const Cid& data : {kData, kOther}) {
        atproto::Commit sync;
        sync.rev = rev;
        sync.data = data;
        const auto outcome = decide_sync(repo(State::active, Account::active, has_head), sync, kNow);
        if (rev == kFuture) {
          expect_outcome(outcome, Verdict::desynchronize, Errc::future_rev);
        } else if (!has_head) {
          expect_outcome(outcome, Verdict::desynchronize, Errc::discontinuity);
        } else if (rev <= kHeld) {
          expect_outcome(outcome, Verdict::ignore, {});
        } else if (data == kData) {
          expect_outcome(outcome, Verdict::apply, {});
        } else {
          expect_outcome(outcome, Verdict::desynchronize, Errc::content_differs);
        }
      }
    }
  }
}

TEST(VerifyErrors, EachHasAMessageOfItsOwn) {
  std::vector<std::string> messages;
  for (int code = 1; code <= static_cast<int>(Errc::older_rev); ++code) {
    messages.push_back(make_error_code(static_cast<Errc>(code)).message());
    EXPECT_NE(messages.back(), "unknown error") << code;
  }
  std::ranges::sort(messages);
  EXPECT_EQ(std::ranges::adjacent_find(messages), messages.end());
}

}  // namespace
}  // namespace tap::verify
