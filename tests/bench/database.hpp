// SPDX-License-Identifier: MIT
#pragma once

#include "support/process/temporary_folder.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <sys/types.h>

namespace tap::bench {

/// An empty database for one Tap, with a folder for what else it writes. Both are deleted at the end.
class Database {
 public:
  /// A SQLite file below `base` or, when `server` is the URL of a PostgreSQL database, a schema of its own in there:
  /// whatever that holds besides is not touched. Throws when it cannot be made.
  Database(const std::filesystem::path& base, const std::string& server);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] std::filesystem::path log() const { return folder_.path() / "tap.log"; }
  [[nodiscard]] std::string temporary_files() const { return folder_.path().string(); }
  /// On disk: the file with whatever lies beside it, or the tables with their indexes.
  [[nodiscard]] std::uint64_t bytes() const;

  // 0 without a server.

  /// Of all its processes so far, the past ones too; 0 when it is on another machine, or when its processes are hidden.
  [[nodiscard]] double server_cpu_seconds() const;
  /// Written to its log so far.
  [[nodiscard]] std::uint64_t server_log_bytes() const;

 private:
  [[nodiscard]] std::uint64_t ask(const std::string& query) const;

  test::TemporaryFolder folder_;
  std::string url_, server_, schema_;
  pid_t postmaster_ = 0;  // parent of all the server's processes
};

}  // namespace tap::bench
