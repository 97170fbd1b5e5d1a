// SPDX-License-Identifier: MIT
#pragma once

#include "faults/tally.hpp"
#include "support/atproto/author.hpp"
#include "support/atproto/dice.hpp"
#include "support/net/http_server.hpp"
#include "support/process/judge.hpp"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace tap::faults {

/// What is wrong with an account, always.
enum class Vice : std::uint8_t {
  none,
  commits,   ///< its #commits lie; its PDS does not
  repo,      ///< the repo that its PDS gives
  old_repo,  ///< its PDS gives the first version for ever
  host,      ///< its PDS never gives one
  document,  ///< its DID document
};

struct Member {
  Member(std::uint64_t of, test::Account account, Vice is) : number(of), author(std::move(account)), vice(is) {}
  std::uint64_t number;
  test::Author author;
  Vice vice;
  std::size_t lie = 0;    ///< which of the kind, in its table
  std::string host = {};  ///< URL of its PDS
  Bytes first_repo = {};  ///< of Vice::old_repo
  unsigned troubles = 0;  ///< that made its repo be fetched again
  // What was asked of the servers.
  std::uint64_t documents = 0;
  std::uint64_t repos = 0;

  [[nodiscard]] std::string did() const { return author.account.did().str(); }
  [[nodiscard]] bool is_honest() const { return vice == Vice::none; }
  /// Nothing that it offers can be believed, so not one record of it may be told.
  [[nodiscard]] bool is_mute() const { return vice == Vice::repo || vice == Vice::host || vice == Vice::document; }
  /// Removed and added again it is nobody that is known, and tried at once.
  [[nodiscard]] bool can_begin_anew() const;
  [[nodiscard]] std::string kind() const;
};

/// The accounts, honest and dishonest ones, and the servers that answer for them: PDSes, the directory and the hosts of
/// did:web. Honest servers have passing troubles until they are told to be calm. The servers' threads read the
/// accounts, so whoever touches them holds the lock, and asks nothing of the servers meanwhile.
class Population {
 public:
  Population(std::uint64_t seed, std::size_t honest, Tally& faults);
  ~Population();

  [[nodiscard]] std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }
  using Members = std::vector<std::unique_ptr<Member>>;
  // [lock]
  [[nodiscard]] Members& honest() { return honest_; }
  [[nodiscard]] Members& liars() { return liars_; }
  // [lock] ends
  [[nodiscard]] std::vector<std::string> dids();
  /// DIDs of those who may not be told of. They stay the same.
  [[nodiscard]] const std::set<std::string>& mutes() const { return mutes_; }

  [[nodiscard]] const std::string& plc_url() const { return plc_url_; }
  void be_calm(bool on) { is_calm_ = on; }
  [[nodiscard]] std::uint64_t fetches() const { return fetches_; }
  [[nodiscard]] std::uint64_t lookups() const { return lookups_; }

 private:
  using Servers = std::vector<std::unique_ptr<test::HttpServer>>;
  Member& add(Members& to, std::unique_ptr<Member> member);
  Member& settle_down(Members& to, Vice vice, const std::string& host);
  Member& settle_down_on_the_web(Members& to, Vice vice, const std::string& host);
  [[nodiscard]] std::string open_host();
  void invite_liars();
  [[nodiscard]] test::Reply on_pds(const test::HttpRequest& request);
  [[nodiscard]] test::Reply on_directory(const std::string& did);
  [[nodiscard]] test::Reply repo_of(Member& member);
  [[nodiscard]] test::Reply true_repo_of(Member& member, test::Dice& dice);

  Tally& faults_;
  const std::uint64_t seed_;
  std::mutex mutex_;  // guards what follows
  std::uint64_t numbers_ = 0;
  Members honest_;
  Members liars_;
  std::map<std::string, Member*> by_did_;
  std::vector<std::string> honest_hosts_;
  std::set<std::string> mutes_;
  std::string plc_url_;
  std::atomic<bool> is_calm_ = false;
  std::atomic<std::uint64_t> fetches_ = 0;
  std::atomic<std::uint64_t> lookups_ = 0;
  Servers servers_;  // last: they call on_pds and on_directory
};

}  // namespace tap::faults
