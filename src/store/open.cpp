// SPDX-License-Identifier: MIT
#include "tap/store/store.hpp"

#include "store/postgres/store.hpp"
#include "store/sqlite/store.hpp"

namespace tap::store {

bool is_server_url(std::string_view url) { return url.starts_with("postgres://") || url.starts_with("postgresql://"); }

Result<std::unique_ptr<Store>> open_store(const std::string& url, const StoreOptions& options) {
  constexpr std::string_view kSqlite = "sqlite://";
  if (is_server_url(url)) return postgres::open(url, options.max_connections);
  if (url.starts_with(kSqlite)) {
    const std::string path = url.substr(kSqlite.size());
    if (path.empty()) return fail(Errc::open_failed, url + " names no file");
    return sqlite::open(path);
  }
  if (url.find("://") != std::string::npos || url.empty()) {
    return fail(Errc::open_failed, "not a database of a known kind; sqlite://<path> and postgres://... are");
  }
  return sqlite::open(url);
}

}  // namespace tap::store
