// SPDX-License-Identifier: MIT
#pragma once

#include "bench/firehose.hpp"
#include "bench/frame_batch.hpp"
#include "support/atproto/account.hpp"
#include "support/net/pds_and_plc_servers.hpp"

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <vector>

namespace tap::bench {

struct NetworkSize {
  std::size_t accounts = 0;
  std::size_t records = 0;  ///< of each account
  std::size_t hosts = 8;    ///< that they live on
};

/// A small network of true accounts: keys, signed repos, their PDSes, the PLC directory and a firehose, all in this
/// process. What it will be asked for is encoded before the clock runs.
class Network {
 public:
  explicit Network(const NetworkSize& size);

  /// What makes `tap run` follow this network.
  [[nodiscard]] std::vector<std::string> flags() const;
  [[nodiscard]] std::vector<std::string> dids() const;
  [[nodiscard]] const std::vector<test::Account>& accounts() const { return accounts_; }
  [[nodiscard]] Firehose& firehose() { return firehose_; }

  /// The record events of everybody's backfill, as of the construction.
  [[nodiscard]] const Expected& backfill() const { return backfill_; }
  /// The keys of the record events of one of them.
  [[nodiscard]] static std::vector<std::uint64_t> backfill_of(const test::Account& account);
  /// The host of an account; the same for those whose numbers differ by a multiple of the hosts.
  [[nodiscard]] test::PdsServer& host_of(std::size_t account);
  /// From now on its document says that it lives there.
  void move(const test::Account& account, const std::string& host);
  /// Bytes of all exports.
  [[nodiscard]] std::uint64_t exported_bytes() const { return exported_bytes_; }

  /// So many commits of one new post each, the accounts [first, last) taking turns.
  struct Commits {
    FrameBatch frames;
    Expected events;
    std::vector<std::uint64_t> keys;  ///< of the events, in the order of the frames
  };
  [[nodiscard]] Commits post(std::size_t commits, std::size_t first, std::size_t last);
  [[nodiscard]] Commits post(std::size_t commits) { return post(commits, 0, accounts_.size()); }

 private:
  void publish(test::Account& account, test::PdsServer& host);

  std::vector<test::Account> accounts_;
  Expected backfill_;
  std::uint64_t exported_bytes_ = 0;
  test::PlcServer plc_;
  std::list<test::PdsServer> hosts_;
  Firehose firehose_;
};

}  // namespace tap::bench
