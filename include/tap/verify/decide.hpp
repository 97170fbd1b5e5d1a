// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/commit.hpp"
#include "tap/base/clock.hpp"
#include "tap/repos/state.hpp"
#include "tap/verify/commit.hpp"

#include <chrono>

namespace tap::verify {

/// How far a rev may lie ahead of our clock (protocol 8.4 item 15).
inline constexpr std::chrono::minutes kFutureTolerance{5};
[[nodiscard]] bool is_future(atproto::Tid rev, WallTime now);

/// What to do with an event of this rev before anything of it is verified.
enum class Precheck : std::uint8_t {
  ignore,  ///< a replay, an inactive account, or a repo that will be fetched anyway
  buffer,  ///< the repo is being fetched: keep it until then
  check,
};
[[nodiscard]] Precheck precheck(const repos::Repo& repo, atproto::Tid rev);

enum class Verdict : std::uint8_t { ignore, desynchronize, apply };
struct Outcome {
  Verdict verdict = Verdict::ignore;
  Error reason;  ///< of desynchronize
};
/// What to do with a verified commit or #sync, given what we hold (protocol 8.1 steps 2, 9). Total: every input has an
/// outcome. apply means: of a commit, that it chains; of a #sync, that its content is what we hold. One from the future
/// is not believed: every honest commit after it would look old. But its repo went on, and it may be our clock that is
/// wrong: it is fetched, and that again until the clock has come so far.
[[nodiscard]] Outcome decide(const repos::Repo& repo, const VerifiedCommit& commit, WallTime now);
[[nodiscard]] Outcome decide_sync(const repos::Repo& repo, const atproto::Commit& commit, WallTime now);

}  // namespace tap::verify
