// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/event.hpp"
#include "tap/base/metrics.hpp"
#include "tap/ledger/ledger.hpp"
#include "tap/net/http_client.hpp"
#include "tap/net/url.hpp"
#include "tap/repos/table.hpp"
#include "tap/store/writer.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tap::firehose {

class AccountStatus;

struct RecheckParts {
  Executor loop;
  repos::Table& table;
  ledger::Ledger& ledger;
  store::Writer& writer;
  store::Reader& reader;
  net::HttpClient& http;
  metrics::Registry& metrics;
};
struct RecheckOptions {
  net::Url relay = {};                          ///< is asked about accounts that were not active
  std::chrono::milliseconds pause{50};          ///< between two repos: a million in some 14 hours
  std::size_t backlog = 1'000;                  ///< of them not fetched yet, at most
  std::chrono::milliseconds retry_unit{1'000};  ///< after trouble: one, then the double each time, up to 60
};

/// Where a round stands: these ids are still to be looked at, in this order. Pure.
struct Round {
  std::uint64_t next = 0;  ///< this one,
  std::uint64_t end = 0;   ///< those behind it up to here, exclusively,
  std::uint64_t rest = 0;  ///< then those from the beginning up to here, exclusively

  [[nodiscard]] bool over() const { return next >= end && rest == 0; }
  /// How many.
  [[nodiscard]] std::uint64_t left() const { return (end - next) + rest; }
  /// All ids below `limit` again, the one at hand too. The round goes on where it stands, so that every id has its turn
  /// however often that happens.
  void begin(std::uint64_t limit);
  void step();

  /// As in the database; empty when over, and unreadable text is taken for that.
  [[nodiscard]] std::string str() const;
  [[nodiscard]] static Round parse(std::string_view text);
  bool operator==(const Round&) const = default;
};

/// After a gap in the stream, every repo may lack commits that nobody will bring again. An active one shows it at its
/// next commit; a quiet one would stay behind for ever. So all are fetched again, in the background and at a bounded
/// rate, but those that are fetched behind the gap anyway; a fetch of a repo that lacks nothing tells consumers
/// nothing. An account that was not active may have come back in the gap, and its commits would be ignored for ever:
/// the relay is asked. Where that stands is in the database. Loop thread only.
class Recheck {
 public:
  explicit Recheck(const RecheckParts& parts, RecheckOptions options = {});
  ~Recheck();

  /// All repos that are followed now are to be fetched again. Durable when it resumes without an error; those are the
  /// store's.
  [[nodiscard]] Task<Result<void>> begin();
  /// Goes on with what was begun, also before the last stop, until cancelled. Once.
  [[nodiscard]] Task<void> run();

 private:
  using RepoId = repos::RepoId;

  [[nodiscard]] Task<void> load();
  /// Up to the next repo that is to be fetched, or a number of others.
  [[nodiscard]] Task<Result<void>> advance();
  [[nodiscard]] Task<Result<void>> mark(RepoId id, atproto::Did did);
  [[nodiscard]] Task<Result<void>> ask_for(RepoId id, atproto::Did did);
  [[nodiscard]] Task<Result<void>> save();
  /// Fetches do not keep up.
  [[nodiscard]] bool is_backed_up();
  void show();

  repos::Table& table_;
  ledger::Ledger& ledger_;
  store::Writer& writer_;
  store::Reader& reader_;
  RecheckOptions options_;
  std::unique_ptr<AccountStatus> accounts_;
  async::Event begun_;
  Round round_;
  std::vector<RepoId> waiting_;  // marked, and perhaps not fetched yet
  std::size_t unsaved_ = 0;      // steps
  unsigned in_vain_ = 0;         // questions about the account at hand
  metrics::Counter& rounds_;
  metrics::Counter& marked_;
  metrics::Counter& returned_;
  metrics::Gauge& left_;
};

}  // namespace tap::firehose
