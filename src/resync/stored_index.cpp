// SPDX-License-Identifier: MIT
#include "resync/stored_index.hpp"

#include <algorithm>

namespace tap::resync {
namespace {
constexpr std::size_t kPage = 5'000;
}

Task<Result<void>> StoredIndex::open() {
  auto collections = co_await reader_.collections(id_);
  if (!collections) co_return std::unexpected(collections.error());
  collections_ = std::move(*collections);
  std::ranges::sort(collections_, [](const auto& a, const auto& b) { return collection_less(b, a); });
  co_return Result<void>{};
}

Task<Result<void>> StoredIndex::feed(Merge& merge) {
  while (!collections_.empty()) {
    auto page = co_await reader_.records(id_, collections_.back(), after_, kPage);
    if (!page) co_return std::unexpected(page.error());
    if (!page->empty()) {
      after_ = page->back().rkey;
      merge.add_stored(collections_.back(), *page);
      co_return Result<void>{};
    }
    collections_.pop_back();
    after_.clear();
  }
  merge.end_stored();
  co_return Result<void>{};
}

}  // namespace tap::resync
