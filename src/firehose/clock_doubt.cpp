// SPDX-License-Identifier: MIT
#include "firehose/clock_doubt.hpp"

namespace tap::firehose {

bool ClockDoubt::raise(repos::RepoId id, SteadyTime now) {
  if (now - began_ >= kWindow) {
    repos_.clear();
    began_ = now;
  }
  if (repos_.size() == kRepos) return false;
  repos_.insert(id);
  return repos_.size() == kRepos;
}

}  // namespace tap::firehose
