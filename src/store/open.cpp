// SPDX-License-Identifier: MIT
#include "tap/store/store.hpp"

#include "store/sqlite/store.hpp"

namespace tap::store {

Result<std::unique_ptr<Store>> open_store(const std::string& url) {
  constexpr std::string_view kSqlite = "sqlite://";
  if (url.starts_with(kSqlite)) {
    const std::string path = url.substr(kSqlite.size());
    if (path.empty()) return fail(Errc::open_failed, url + " names no file");
    return sqlite::open(path);
  }
  if (url.find("://") != std::string::npos || url.empty()) {
    return fail(Errc::open_failed, "not a database of a known kind; sqlite://<path> is");
  }
  return sqlite::open(url);
}

}  // namespace tap::store
