// SPDX-License-Identifier: MIT
// Twenty hosts, of which ten turn hostile: the repos of the others must not come later for it. The repos are small, so
// that what counts is who has to wait for whom.
#include "bench/scenario.hpp"
#include "support/net/deaf_host.hpp"

#include <algorithm>
#include <functional>
#include <thread>
#include <unordered_map>
#include <utility>

namespace tap::bench {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;
using test::DeafHost;
using test::Fault;
using test::Reply;

constexpr std::size_t kHosts = 20;
constexpr std::size_t kWorkers = 3;  // fewer than the hosts that hang

/// Those that stay honest are every second one, so that they stand in line between the others.
bool is_honest(std::size_t account) { return account % kHosts % 2 == 0; }

std::function<std::string()> slow_source(std::string head, std::string piece, std::chrono::milliseconds pause) {
  return [head = std::move(head), piece = std::move(piece), pause]() mutable {
    if (!head.empty()) return std::exchange(head, {});
    std::this_thread::sleep_for(pause);  // the thread of this host alone
    return piece;
  };
}

constexpr std::size_t kNoConnection = 8;  // of the ten kinds; the last is no handshake

/// What the PDS of this host answers for the account, if it is there at all.
std::optional<Reply> answer_of(std::size_t host, const test::Account& account) {
  const test::Block block{atproto::Cid::of(atproto::Cid::Codec::raw, Bytes(60'000, 0)), Bytes(60'000, 0)};
  const std::string head(as_text(test::make_car(account.head()->commit, {})));
  const std::string repeated(std::string(as_text(test::make_car(account.head()->commit, {block}))).substr(head.size()));
  switch (host / 2) {
    case 0:
      return Reply{.fault = Fault::hang};
    case 1:
      return Reply{.body = head, .framing = test::Framing::chunked, .fault = Fault::hang_in_body};
    case 2:
      return Reply{.body = head, .framing = test::Framing::chunked, .fault = Fault::hang_in_body, .fault_at = 20};
    case 3:
      return Reply{.source = slow_source(head.substr(0, 20), "\xa2", 200ms)};  // trickles
    case 4:
      return Reply{.source = slow_source(head, repeated, 2ms)};  // never ends
    case 5:
      return Reply{
          .body = head + repeated, .framing = test::Framing::chunked, .fault = Fault::cut_in_body, .fault_at = 9'000};
    case 6:
      return Reply{.status = 429};
    case 7:
      return Reply{.status = 503};
    default:
      return std::nullopt;
  }
}

/// Keeps them as long as it lives.
class Hostility {
 public:
  explicit Hostility(Network& network) {
    for (std::size_t i = 0; i < network.accounts().size(); ++i) {
      if (is_honest(i)) continue;
      const test::Account& account = network.accounts()[i];
      if (auto answer = answer_of(i % kHosts, account)) {
        network.host_of(i).set_answer(account.did().str(), std::move(*answer));
      } else if (i % kHosts / 2 == kNoConnection) {
        network.move(account, "http://" + no_connection_.authority());
      } else {
        network.move(account, "https://" + no_handshake_.authority());
      }
    }
  }

 private:
  DeafHost no_connection_{DeafHost::At::connect};
  DeafHost no_handshake_{DeafHost::At::first_byte};
};

/// Some of the accounts, and what is to be told of them.
struct Part {
  std::vector<std::string> dids;
  Expected events;
};

template <class Wanted>
Part part_of(const Network& network, Wanted wanted) {
  Part part;
  for (std::size_t i = 0; i < network.accounts().size(); ++i) {
    if (!wanted(i)) continue;
    part.dids.push_back(network.accounts()[i].did().str());
    for (const std::uint64_t key : Network::backfill_of(network.accounts()[i])) part.events.add(key);
  }
  return part;
}

struct Figures {
  double total = 0, p95 = 0;  // seconds from the request to the last record of all honest repos, and of one
};

/// Follows `dids`, of whom those of `told` are told of, and measures the repos of honest hosts.
Figures measure(const Run& run, Network& network, const std::vector<std::string>& dids, const Part& told) {
  Database database(run.options.folder, run.options.server);
  Stage stage(run, database, network, {"--resync-parallelism", std::to_string(kWorkers)});
  stage.detach_consumer();
  stage.attach_consumer(true);
  network.firehose().wait_for_client();
  stage.settle();
  const auto begin = SteadyClock::now();
  stage.api().add(dids);
  stage.await_backfill(told.events, told.dids.size());
  const auto arrivals = stage.consumer().arrivals();
  stage.finish();

  std::unordered_map<std::uint64_t, std::size_t> account_of;
  for (std::size_t i = 0; i < network.accounts().size(); ++i) {
    if (!is_honest(i)) continue;
    for (const std::uint64_t key : Network::backfill_of(network.accounts()[i])) account_of.emplace(key, i);
  }
  std::unordered_map<std::size_t, double> last;
  for (const auto& [key, arrival] : arrivals) {
    if (const auto account = account_of.find(key); account != account_of.end()) {
      last[account->second] = seconds_between(begin, arrival);
    }
  }
  std::vector<double> times;
  for (const auto& [account, time] : last) times.push_back(time);
  std::ranges::sort(times);
  return {times.back(), percentile(times, 0.95)};
}

void add(const Run& run, const std::string& name, const Figures& figures) {
  run.report.add({name + ": all honest repos", figures.total, "s"});
  run.report.add({name + ": one, p95", figures.p95, "s"});
}

}  // namespace

void run_hostile(const Run& run) {
  Network network({.accounts = run.scale(run.options.accounts, 6'000, 2 * kHosts),
                   .records = run.scale(run.options.records, 5, 2),
                   .hosts = kHosts});
  const Part all = part_of(network, [](std::size_t) { return true; });
  const Part honest = part_of(network, is_honest);
  const Figures before = measure(run, network, all.dids, all);
  const Figures alone = measure(run, network, honest.dids, honest);
  const Hostility hostility(network);
  const Figures beside = measure(run, network, all.dids, honest);
  add(run, "all are honest", before);
  add(run, "only those ten", alone);
  add(run, "ten are hostile", beside);
  run.report.add({"all of them, slower by", beside.total / before.total, "x", at_most(1.1)});
  run.report.add({"p95, slower by", beside.p95 / before.p95, "x", at_most(1.1)});
  run.report.add({"all of them, against those ten alone", beside.total / alone.total, "x"});
}

}  // namespace tap::bench
