// SPDX-License-Identifier: MIT
#include "tap/store/check.hpp"
#include "tap/store/store.hpp"

#include "store/check/inspect.hpp"
#include "store/journaled_store.hpp"
#include "store/postgres/snapshot.hpp"
#include "store/postgres/store.hpp"
#include "store/sqlite/snapshot.hpp"
#include "store/sqlite/store.hpp"

namespace tap::store {
namespace {

/// Of a URL that names no server.
Result<std::string> path_of(const std::string& url) {
  constexpr std::string_view kSqlite = "sqlite://";
  if (url.starts_with(kSqlite)) {
    std::string path = url.substr(kSqlite.size());
    if (path.empty()) return fail(Errc::open_failed, url + " names no file");
    return path;
  }
  if (url.find("://") != std::string::npos || url.empty()) {
    return fail(Errc::open_failed, "not a database of a known kind; sqlite://<path> and postgres://... are");
  }
  return url;
}

}  // namespace

bool is_server_url(std::string_view url) { return url.starts_with("postgres://") || url.starts_with("postgresql://"); }

Result<std::unique_ptr<Engine>> open_engine(const std::string& url, const StoreOptions& options) {
  if (is_server_url(url)) return postgres::open(url, options);
  auto path = path_of(url);
  if (!path) return std::unexpected(path.error());
  return sqlite::open(*path, options.cursor_names);
}

Result<std::unique_ptr<Store>> open_store(const std::string& url, const StoreOptions& options) {
  auto engine = open_engine(url, options);
  if (!engine) return std::unexpected(engine.error());
  return make_journaled_store(std::move(*engine));
}

Result<CheckReport> check_database(const std::string& url) {
  const auto open = [&]() -> Result<std::unique_ptr<check::Snapshot>> {
    if (is_server_url(url)) return postgres::open_snapshot(url);
    auto path = path_of(url);
    if (!path) return std::unexpected(path.error());
    return sqlite::open_snapshot(*path);
  };
  auto snapshot = open();
  if (!snapshot) return std::unexpected(snapshot.error());
  return check::inspect(**snapshot);
}

}  // namespace tap::store
