// SPDX-License-Identifier: MIT
#pragma once

#include "support/atproto/account.hpp"
#include "support/net/pds_and_plc_servers.hpp"
#include "support/net/relay_server.hpp"
#include "support/patience.hpp"
#include "support/process/consumer.hpp"
#include "support/process/events.hpp"
#include "support/process/http_call.hpp"
#include "support/process/tap_process.hpp"
#include "support/process/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tap::test {

/// A network of fakes, the real program between them, and what its consumers have got. Accounts declare the handle
/// handle.invalid: nobody asks the DNS of the machine.
class TapTest : public ::testing::Test {
 protected:
  /// After a failure, shows the end of the program's log.
  void TearDown() override;

  /// Puts the account's document into the directory and its repo, as it is now, on the PDS.
  void publish(Account& account) { publish(account, pds_); }
  void publish(Account& account, PdsServer& pds);
  void publish_document(const Account& account, const PdsServer& pds);
  void publish_repo(Account& account) { pds_.set_repo(account.did().str(), account.full_car()); }

  /// Starts the program on the database of this test and waits until it has started; with a relay, until it follows.
  void start(const std::vector<std::string>& further = {});
  /// The same without waiting for anything.
  TapProcess& launch(const std::vector<std::string>& further = {});
  /// Waits until what was launched has started.
  void wait_for_start() { port_ = tap().wait_for_start(); }
  /// Ends it as an operator does; the exit status must be 0.
  void stop();
  /// Ends it as a crash does.
  void crash();
  [[nodiscard]] TapProcess& tap() { return *tap_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string database() const { return (folder_.path() / "tap.db").string(); }
  [[nodiscard]] virtual std::string database_url() const { return "sqlite://" + database(); }
  [[nodiscard]] std::vector<std::string> usual_arguments() const;
  /// From now on it is launched without this one of the usual flags, which is given in another way.
  void leave_out(std::string flag) { left_out_.insert(std::move(flag)); }
  /// From now on it is launched with this variable.
  void set_variable(const std::string& name, std::string value) { environment_[name] = std::move(value); }

  Consumer& consume(Consumer::Options options);
  Consumer& consume() { return consume(Consumer::Options()); }
  void drop_consumer() { consumer_.reset(); }
  [[nodiscard]] Consumer& consumer() { return *consumer_; }

  /// Sends it over the firehose with the next seq, which it gives.
  template <class Message>
  std::int64_t send(Message message) {
    message.seq = ++seq_;
    relay_.push(seq_, message.frame());
    return seq_;
  }

  void track(const std::vector<std::string>& dids) { post("/repos/add", dids); }
  void track(const Account& account) { track(std::vector{account.did().str()}); }
  void untrack(const Account& account) { post("/repos/remove", {account.did().str()}); }
  /// Publishes it, tracks it, and waits until its records have arrived and it is active.
  void onboard(Account& account);

  [[nodiscard]] nlohmann::json get(const std::string& target) const;
  [[nodiscard]] std::string state(const Account& account) const;
  void await_state(const Account& account, const std::string& state) const;
  void await_undelivered(std::uint64_t count) const;
  /// Waits until what consumers have been told is what the account has.
  void await_records(const Account& account);
  [[nodiscard]] static RecordCids records_of_account(const Account& account);
  /// First arrivals of this account's events.
  [[nodiscard]] Events told(const Account& account) const;

  RelayServer relay_;
  PlcServer plc_;
  PdsServer pds_;
  TemporaryFolder folder_;
  EventLog log_;

 private:
  void post(const std::string& target, const std::vector<std::string>& dids) const;

  std::map<std::string, std::string> environment_;
  std::set<std::string> left_out_;
  std::int64_t seq_ = 0;
  std::size_t subscriptions_ = 0;
  std::uint16_t port_ = 0;
  std::optional<TapProcess> tap_;
  std::optional<Consumer> consumer_;
};

/// Asks every few milliseconds; throws when the condition does not come to hold in time.
void wait_for(std::string_view what, const std::function<bool()>& condition, std::chrono::seconds limit = kPatience);

/// Its document, without a handle that could be looked up.
[[nodiscard]] std::string document_of(const Account& account, std::string_view pds_url);

/// "create collection/rkey", ... of record events.
[[nodiscard]] std::vector<std::string> actions_of(const Events& events);

}  // namespace tap::test
