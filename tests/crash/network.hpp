// SPDX-License-Identifier: MIT
#pragma once

#include "support/atproto/author.hpp"
#include "support/atproto/dice.hpp"
#include "support/net/pds_and_plc_servers.hpp"
#include "support/net/relay_server.hpp"
#include "support/process/judge.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace tap::crash {

/// Some accounts on one PDS that never rest, a directory and a relay. One thread acts; the servers have theirs.
class Network {
 public:
  /// Asks Tap to remove the repo or to add it; returns when it has.
  using Ask = std::function<void(const std::string& target, const std::string& did)>;
  Network(std::uint64_t seed, std::size_t accounts, test::Judge& judge);

  [[nodiscard]] std::string relay_url() const { return relay_.url(); }
  [[nodiscard]] std::string plc_url() const { return plc_.url(); }
  [[nodiscard]] std::vector<std::string> dids() const;

  /// One thing that happens to one account: a few writes, mostly.
  void act(const Ask& ask);
  /// A third is away now. The others are there, and write a last time, so that nothing is left that only the next
  /// commit would show.
  void calm_down();

  [[nodiscard]] test::Judge::Truth truth(const std::string& did);
  /// Everything up to now has arrived and is settled: the relay forgets what came before the last time.
  void settled();

 private:
  template <class Message>
  void send(Message message);
  [[nodiscard]] test::Author& member(const std::string& did);
  void write(test::Author& member);
  void write_unheard(test::Author& member);
  void go_or_come_back(test::Author& member);
  void tell_status(const test::Author& member);
  void add_again(test::Author& member, const Ask& ask);

  test::Dice dice_;
  test::Judge& judge_;
  std::mutex mutex_;  // guards the accounts: the PDS reads them
  std::vector<std::unique_ptr<test::Author>> members_;
  std::int64_t seq_ = 0;
  std::int64_t settled_ = 0;
  test::RelayServer relay_;
  test::PlcServer plc_;
  test::PdsServer pds_;
};

}  // namespace tap::crash
