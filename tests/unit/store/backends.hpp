// SPDX-License-Identifier: MIT
#pragma once

#include "tap/store/store.hpp"

#include "support/postgres_server.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

namespace tap::store {

/// A folder of its own that goes away with it.
class ScratchFolder {
 public:
  ScratchFolder() {
    static std::atomic<int> next{0};
    path_ = std::filesystem::temp_directory_path() /
            ("tap-store-" + std::to_string(::getpid()) + "-" + std::to_string(next++));
    std::filesystem::create_directories(path_);
  }
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

/// One engine under the contract suite: a database of its own, that can be opened again and again.
class Backend {
 public:
  virtual ~Backend() = default;
  [[nodiscard]] Result<std::unique_ptr<Store>> open() { return open_store(url(), options()); }
  [[nodiscard]] virtual std::string url() const = 0;
  [[nodiscard]] virtual StoreOptions options() const { return {}; }
  /// Whether it is a file, which is not there before it is opened.
  [[nodiscard]] virtual bool is_file() const = 0;
  /// Runs the statements of its kind behind the store's back.
  virtual void sql(const std::string& sqlite, const std::string& postgres) = 0;
  /// What a new process finds after this one died at this moment. The store stays open. Empty when the engine's
  /// server survives its clients.
  [[nodiscard]] virtual std::unique_ptr<Backend> crashed_copy() = 0;
};

class SqliteBackend final : public Backend {
 public:
  [[nodiscard]] std::string url() const override { return "sqlite://" + path(); }
  [[nodiscard]] bool is_file() const override { return true; }
  void sql(const std::string& sqlite, const std::string&) override {
    sqlite3* handle = nullptr;
    sqlite3_open(path().c_str(), &handle);
    const int code = sqlite3_exec(handle, sqlite.c_str(), nullptr, nullptr, nullptr);
    const std::string error = sqlite3_errmsg(handle);
    sqlite3_close(handle);
    if (code != SQLITE_OK) throw std::runtime_error(error);
  }
  [[nodiscard]] std::unique_ptr<Backend> crashed_copy() override {
    auto copy = std::make_unique<SqliteBackend>();
    for (const char* suffix : {"", "-wal"}) {
      if (std::filesystem::exists(path() + suffix)) std::filesystem::copy_file(path() + suffix, copy->path() + suffix);
    }
    return copy;
  }
  [[nodiscard]] std::string path() const { return folder_.file("tap.db"); }

 private:
  ScratchFolder folder_;
};

/// A schema of its own on the program's server.
class PostgresBackend : public Backend {
 public:
  PostgresBackend() {
    static std::atomic<int> next{0};
    schema_ = "s" + std::to_string(next++);
    server_.sql("CREATE SCHEMA " + schema_);
  }
  ~PostgresBackend() override { server_.sql("DROP SCHEMA " + schema_ + " CASCADE"); }
  [[nodiscard]] bool is_file() const override { return false; }
  void sql(const std::string&, const std::string& postgres) override {
    server_.sql("SET search_path = " + schema_ + "; " + postgres);
  }
  [[nodiscard]] std::unique_ptr<Backend> crashed_copy() override { return nullptr; }
  [[nodiscard]] std::string url() const override { return server_.schema_url(schema_); }
  [[nodiscard]] const std::string& schema() const { return schema_; }

 private:
  test::PostgresServer& server_ = test::postgres_server();
  std::string schema_;
};

/// The same with one connection for everything.
class PostgresBackendOfOneConnection final : public PostgresBackend {
 public:
  [[nodiscard]] StoreOptions options() const override { return {.max_connections = 1}; }
};

/// Makes SQLite refuse to save the cursor value "poison": a write that fails by itself.
constexpr const char* kPoison =
    "CREATE TRIGGER poison BEFORE INSERT ON cursors WHEN new.value = 'poison' BEGIN SELECT RAISE(ABORT, 'poison'); END";

/// The engines, for INSTANTIATE_TEST_SUITE_P.
struct EngineCase {
  const char* name;
  std::unique_ptr<Backend> (*make)();
  std::string (*missing)();  ///< why it cannot be had here; empty when it can
};
inline std::vector<EngineCase> engines() {
  return {{"Sqlite", [] { return std::unique_ptr<Backend>(std::make_unique<SqliteBackend>()); },
           [] { return std::string(); }},
          {"Postgres", [] { return std::unique_ptr<Backend>(std::make_unique<PostgresBackend>()); },
           test::PostgresServer::missing}};
}
/// And PostgreSQL with one connection, which only makes a difference to who reads.
inline std::vector<EngineCase> engines_that_are_read() {
  auto cases = engines();
  cases.push_back({"PostgresOfOneConnection",
                   [] { return std::unique_ptr<Backend>(std::make_unique<PostgresBackendOfOneConnection>()); },
                   test::PostgresServer::missing});
  return cases;
}
inline std::string engine_name(const testing::TestParamInfo<EngineCase>& info) { return info.param.name; }

// Builders: readable numbers instead of real DIDs and CIDs.

inline atproto::Did did_of(std::uint64_t number) {
  return *atproto::Did::parse("did:web:d" + std::to_string(number) + ".example.com");
}
inline atproto::Cid cid_of(std::uint64_t number) {
  const std::string text = std::to_string(number);
  return atproto::Cid::of(number % 7 == 0 ? atproto::Cid::Codec::raw : atproto::Cid::Codec::dag_cbor, as_bytes(text));
}
inline repos::Head head_of(std::uint64_t rev, std::uint64_t records) {
  return {atproto::Tid(rev), cid_of(rev * 7 + 1), records};
}
inline outbox::Draft draft(std::string body, outbox::Order order = outbox::Order::barrier) {
  return {outbox::LaneKey{7}, order, std::move(body)};
}
inline outbox::DeadLetter letter(std::uint64_t id, std::string body, std::string did = "did:web:d1.example.com") {
  return {.event = {outbox::EventId{id}, outbox::LaneKey{~std::uint64_t{0}}, outbox::Order::barrier, std::move(body)},
          .did = std::move(did),
          .attempts = 3,
          .since = 1'700'000'000,
          .reason = "no ack"};
}
inline Write write_of(std::vector<Mutation> mutations, std::vector<outbox::Draft> events = {}) {
  return {std::move(mutations), std::move(events)};
}
inline RecordChange put(std::string collection, std::string rkey, std::uint64_t cid) {
  return {std::move(collection), std::move(rkey), cid_of(cid)};
}
inline RecordChange erase(std::string collection, std::string rkey) {
  return {std::move(collection), std::move(rkey), std::nullopt};
}

}  // namespace tap::store
