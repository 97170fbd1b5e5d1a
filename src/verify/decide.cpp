// SPDX-License-Identifier: MIT
#include "tap/verify/decide.hpp"

#include "tap/verify/error.hpp"

namespace tap::verify {

bool is_future(atproto::Tid rev, WallTime now) {
  const auto limit = (now + kFutureTolerance).time_since_epoch().count();
  return limit < 0 || rev.micros() > static_cast<std::uint64_t>(limit);
}

Precheck precheck(const repos::Repo& repo, atproto::Tid rev) {
  if (repo.account != repos::Account::active) return Precheck::ignore;
  switch (repo.state) {
    case repos::State::pending:
    case repos::State::desynchronized:
    case repos::State::error:
      return Precheck::ignore;
    case repos::State::resyncing:
      return Precheck::buffer;
    case repos::State::active:
      break;
  }
  return repo.head && rev <= repo.head->rev ? Precheck::ignore : Precheck::check;
}

Outcome decide(const repos::Repo& repo, const VerifiedCommit& commit, WallTime now) {
  if (is_future(commit.rev, now)) return {Verdict::desynchronize, Error(Errc::future_rev, commit.rev.str())};
  if (!repo.head) return {Verdict::desynchronize, Error(Errc::discontinuity, "nothing is held yet")};
  if (commit.rev <= repo.head->rev) return {Verdict::ignore, {}};
  if (commit.prev_data != repo.head->data) return {Verdict::desynchronize, Error(Errc::discontinuity, "prevData")};
  if (commit.since != repo.head->rev) return {Verdict::desynchronize, Error(Errc::discontinuity, "since")};
  return {Verdict::apply, {}};
}

Outcome decide_sync(const repos::Repo& repo, const atproto::Commit& commit, WallTime now) {
  if (is_future(commit.rev, now)) return {Verdict::desynchronize, Error(Errc::future_rev, commit.rev.str())};
  if (!repo.head) return {Verdict::desynchronize, Error(Errc::discontinuity, "nothing is held yet")};
  if (commit.rev <= repo.head->rev) return {Verdict::ignore, {}};
  if (commit.data != repo.head->data) return {Verdict::desynchronize, Error(Errc::content_differs)};
  return {Verdict::apply, {}};
}

}  // namespace tap::verify
