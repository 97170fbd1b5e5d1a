// SPDX-License-Identifier: MIT
#include "store/sqlite/database.hpp"

namespace tap::store::sqlite {
namespace {

/// busy_timeout: another tool may look into the file; its locks are short. wal_autocheckpoint is off, since a
/// checkpoint on the writer's thread stalls it. In WAL mode synchronous=NORMAL survives a crash of the process; a power
/// cut may take the last transactions, cursor and events together. secure_delete is off because Debian's build has it
/// on: deleted bytes are then overwritten, which writes every page of the journal once more when it is done with.
constexpr const char* kPragmas =
    "PRAGMA busy_timeout=10000;"
    "PRAGMA synchronous=NORMAL;"
    "PRAGMA temp_store=MEMORY;"
    "PRAGMA secure_delete=OFF;"
    "PRAGMA wal_autocheckpoint=0;"
    "PRAGMA journal_size_limit=67108864;"
    "PRAGMA foreign_keys=OFF;";

Errc meaning(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Errc::busy;
    case SQLITE_FULL:
      return Errc::full;
    case SQLITE_READONLY:
      return Errc::read_only;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Errc::corrupt;
    case SQLITE_CANTOPEN:
      return Errc::open_failed;
    default:
      return Errc::failed;
  }
}

}  // namespace

ByteView Row::blob(int column) const {
  const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

Result<Database> Database::open(const std::string& path, Mode mode) {
  const int flags = SQLITE_OPEN_NOMUTEX |
                    (mode == Mode::read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  Database database(handle);  // a failed open gives a handle, too
  if (code != SQLITE_OK) return fail(Errc::open_failed, path + ": " + sqlite3_errstr(code));
  // SQLite is content with less than it was asked for; we would find out at the first write only.
  if (mode == Mode::read_write && sqlite3_db_readonly(handle, "main") == 1) return fail(Errc::read_only, path);
  sqlite3_extended_result_codes(handle, 1);
  if (auto done = database.script(kPragmas); !done) return std::unexpected(done.error());
  return database;
}

Result<sqlite3_stmt*> Database::prepared(Sql sql) {
  auto& statement = statements_[sql.text];
  if (!statement) {
    sqlite3_stmt* made = nullptr;
    const int code = sqlite3_prepare_v3(handle_.get(), sql.text, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr);
    if (code != SQLITE_OK) return std::unexpected(error(code));
    statement.reset(made);
  }
  return statement.get();
}

Result<void> Database::script(const std::string& sql) {
  const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return std::unexpected(error(code));
  return {};
}

Error Database::error(int code) const { return {meaning(code), sqlite3_errmsg(handle_.get())}; }

// Static: the caller's arguments outlive the statement's run. An empty view must not turn into NULL.
int Database::bind(sqlite3_stmt* statement, int at, std::string_view text) {
  return sqlite3_bind_text64(statement, at, text.empty() ? "" : text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}
int Database::bind(sqlite3_stmt* statement, int at, ByteView bytes) {
  if (bytes.empty()) return sqlite3_bind_zeroblob(statement, at, 0);
  return sqlite3_bind_blob64(statement, at, bytes.data(), bytes.size(), SQLITE_STATIC);
}

Result<Transaction> Transaction::begin(Database& database, Sql how) {
  if (auto done = database.run(how); !done) return std::unexpected(done.error());
  return Transaction(database);
}

Transaction::~Transaction() {
  // Some errors have rolled back already.
  if (database_ != nullptr && sqlite3_get_autocommit(database_->handle()) == 0) {
    std::ignore = database_->run("ROLLBACK");
  }
}

Result<void> Transaction::commit() {
  auto done = database_->run("COMMIT");
  if (done) database_ = nullptr;
  return done;
}

}  // namespace tap::store::sqlite
