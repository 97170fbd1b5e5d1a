// SPDX-License-Identifier: MIT
#pragma once

#include "tap/store/writer.hpp"

#include "resync/merge.hpp"

#include <string>
#include <vector>

namespace tap::resync {

/// Reads a repo's record index page by page, in the order that Merge wants. Loop thread only.
class StoredIndex {
 public:
  StoredIndex(store::Reader& reader, repos::RepoId id) : reader_(reader), id_(id) {}
  /// Finds the collections; once, first. Without it the index counts as empty.
  [[nodiscard]] Task<Result<void>> open();
  /// After open() and before feed(): there is nothing in it.
  [[nodiscard]] bool empty() const { return collections_.empty(); }
  /// Hands the next page to `merge`, or tells it that there is none.
  [[nodiscard]] Task<Result<void>> feed(Merge& merge);

 private:
  store::Reader& reader_;
  repos::RepoId id_;
  std::vector<std::string> collections_;  // those to come, the next one last
  std::string after_;                     // the last key read of it
};

}  // namespace tap::resync
