// SPDX-License-Identifier: MIT
#pragma once

#include "crash/judge.hpp"
#include "support/atproto/account.hpp"
#include "support/atproto/dice.hpp"
#include "support/net/pds_and_plc_servers.hpp"
#include "support/net/relay_server.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace tap::crash {

/// Some accounts on one PDS that never rest, a directory and a relay. One thread acts; the servers have theirs.
class Network {
 public:
  /// Asks Tap to remove the repo or to add it; returns when it has.
  using Ask = std::function<void(const std::string& target, const std::string& did)>;
  Network(std::uint64_t seed, std::size_t accounts, Judge& judge);

  [[nodiscard]] std::string relay_url() const { return relay_.url(); }
  [[nodiscard]] std::string plc_url() const { return plc_.url(); }
  [[nodiscard]] std::vector<std::string> dids() const;

  /// One thing that happens to one account: a few writes, mostly.
  void act(const Ask& ask);
  /// Brings back whoever is away, and writes a last time everywhere, so that nothing is left that only the next commit
  /// would show.
  void calm_down();

  [[nodiscard]] Judge::Truth truth(const std::string& did);
  /// Everything up to now has arrived and is settled: the relay forgets what came before the last time.
  void settled();

 private:
  struct Member {
    explicit Member(std::uint64_t number) : account(number) {}
    test::Account account;
    std::set<std::string> deleted;
    bool is_away = false;
  };
  template <class Message>
  void send(Message message);
  [[nodiscard]] Member& member(const std::string& did);
  [[nodiscard]] std::vector<test::Write> some_writes(Member& member);
  [[nodiscard]] std::string some_path(const Member& member);
  void write(Member& member);
  void write_unheard(Member& member);
  void go_or_come_back(Member& member);
  void add_again(Member& member, const Ask& ask);

  test::Dice dice_;
  Judge& judge_;
  std::mutex mutex_;  // guards the accounts: the PDS reads them
  std::vector<std::unique_ptr<Member>> members_;
  std::uint64_t records_ = 0;
  std::int64_t seq_ = 0;
  std::int64_t settled_ = 0;
  test::RelayServer relay_;
  test::PlcServer plc_;
  test::PdsServer pds_;
};

}  // namespace tap::crash
