// SPDX-License-Identifier: MIT
// Handles in a world of faults: name servers, hosts and a directory that are silent, slow or in trouble, owners who
// change their handle, and others who lie about theirs. A seeded generator, the real directory, and virtual time.
#include "tap/resync/handle_keeper.hpp"

#include "support/atproto/dice.hpp"
#include "unit/resync/world.hpp"

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <functional>
#include <iterator>
#include <list>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;
using test::Account;
using test::World;
using Texts = Result<std::vector<std::string>>;
using Answer = Result<net::Response>;

constexpr const char* kOther = "did:plc:bbbbbbbbbbbbbbbbbbbbbbbb";

net::Response page(std::string body) { return {.status = 200, .headers = {}, .body = std::move(body)}; }

/// What stands behind a handle: in the DNS, and in its file.
struct Proof {
  const char* name;
  Texts (*texts)(const std::string& did);
  Answer (*file)(const std::string& did);
  bool is_sure = true;  ///< a lie that shows; else it may be trouble that passes
};
Texts no_texts(const std::string&) { return fail(net::Errc::not_found); }
Answer no_file(const std::string&) { return net::Response{.status = 404, .headers = {}, .body = {}}; }

const std::array kTruths = {
    Proof{"dns", [](const std::string& did) -> Texts { return std::vector{std::string("v=spf1 -all"), "did=" + did}; },
          no_file},
    Proof{"dns, twice", [](const std::string& did) -> Texts { return std::vector{"did=" + did, "did=" + did}; },
          no_file},
    Proof{"file", no_texts, [](const std::string& did) -> Answer { return page(did + "\n"); }},
};
const std::array kLies = {
    Proof{"several DIDs",
          [](const std::string& did) -> Texts { return std::vector{"did=" + did, std::string("did=") + kOther}; },
          no_file},
    Proof{"DNS names another", [](const std::string&) -> Texts { return std::vector{std::string("did=") + kOther}; },
          no_file},
    Proof{"nothing", no_texts, no_file},
    Proof{"file of another", no_texts, [](const std::string&) -> Answer { return page(kOther); }},
    Proof{"web page", no_texts, [](const std::string&) -> Answer { return page("<html>"); }},
    Proof{"huge file", no_texts, [](const std::string&) -> Answer { return fail(net::Errc::too_large); }},
    Proof{"private address", no_texts, [](const std::string&) -> Answer { return fail(net::Errc::refused_address); }},
    Proof{"no such host", no_texts, [](const std::string&) -> Answer { return fail(net::Errc::not_found); }},
    Proof{"redirects without end", no_texts,
          [](const std::string&) -> Answer { return fail(net::Errc::too_many_redirects); }, false},
};

struct Owner {
  Account account;
  const Proof* proof;
  bool is_honest;
  std::string handle = {};
  std::set<std::string> had = {};  ///< handles, and none

  [[nodiscard]] std::string did() const { return account.did().str(); }
};

/// The DNS, the hosts of handles and the directory, in a storm until it is calm.
class Network final : public net::Resolver, public net::HttpClient {
 public:
  Network(Executor loop, std::uint64_t seed) : dice(seed), released_(std::move(loop)) {}

  test::Dice dice;
  std::list<Owner> owners;
  std::map<std::string, std::size_t> troubles;  ///< how often each was met
  bool is_calm = false;

  /// Whoever hangs learns that its time is over.
  void release() { released_.notify_all(); }

  [[nodiscard]] Task<Texts> txt(std::string name) override {
    const Owner* owner = by_handle(name.substr(name.find('.') + 1));
    const Texts truth = owner != nullptr ? owner->proof->texts(owner->did()) : no_texts({});
    if (is_trouble("silent DNS")) co_return fail(net::Errc::resolve_failed);
    if (is_trouble("DNS that hangs")) {
      co_await released_.wait();
      co_return fail(net::Errc::resolve_failed);
    }
    co_return truth;
  }
  [[nodiscard]] Task<Result<std::vector<boost::asio::ip::address>>> addresses(std::string, net::Names) override {
    co_return fail(net::Errc::not_found);
  }
  [[nodiscard]] Task<Answer> send(net::Request request) override {
    const Answer truth = truth_of(request.url);
    if (is_trouble("host that hangs")) {
      co_await released_.wait();
      co_return fail(net::Errc::timed_out);
    }
    for (const auto& [name, error] : {std::pair{"host that is cut", net::Errc::cut},
                                      {"host that cannot be connected to", net::Errc::connect_failed},
                                      {"host whose name is not told", net::Errc::resolve_failed}}) {
      if (is_trouble(name)) co_return fail(error);
    }
    for (const int status : {429, 500, 503}) {
      if (is_trouble(std::to_string(status))) co_return net::Response{.status = status, .headers = {}, .body = {}};
    }
    co_return truth;
  }
  [[nodiscard]] Task<Answer> stream(net::Request, BodySink) override { co_return fail(net::Errc::cut); }

 private:
  bool is_trouble(const std::string& name) {
    if (is_calm || !dice.chance(8)) return false;
    ++troubles[name];
    return true;
  }
  const Owner* by_handle(std::string_view handle) const {
    const auto found = std::ranges::find(owners, handle, &Owner::handle);
    return found == owners.end() ? nullptr : &*found;
  }
  Answer truth_of(const net::Url& url) const {
    if (url.host == "plc.test") {
      const auto owner = std::ranges::find(owners, url.target.substr(1), &Owner::did);
      return page(R"({"id":")" + owner->did() + R"(","alsoKnownAs":["at://)" + owner->handle + R"("]})");
    }
    const Owner* owner = by_handle(url.host);
    return owner != nullptr ? owner->proof->file(owner->did()) : fail(net::Errc::not_found);
  }
  async::Event released_;
};

class HandleFaults : public testing::TestWithParam<std::uint64_t> {
 protected:
  HandleFaults() {
    for (std::size_t number = 1; number <= 60; ++number) {
      const bool honest = number % 3 != 0;
      const Proof* proof = honest ? &network.dice.pick(kTruths) : &kLies[number / 3 % kLies.size()];
      Owner& owner = network.owners.emplace_back(Account(number), proof, honest);
      owner.had.insert("");
      world.track(owner.account);
      rename(owner);
    }
    for (int i = 0; i < 4; ++i) workers.emplace_back(world.loop, keeper.run());
  }

  /// As a new handle and its #identity are.
  void rename(Owner& owner) {
    owner.handle = "handle" + std::to_string(++handles) + ".test";
    owner.had.insert(owner.handle);
    directory->purge(owner.account.did());
    ASSERT_TRUE(world.loop.run(world.ledger.expect_handle(world.id(owner.account))));
    keeper.check(owner.account.did());
  }
  void pass(std::chrono::milliseconds time) {
    world.clock.advance(time);
    keeper.check(Account(99).did());  // nobody's: somebody looks at the clock
    world.loop.settle();
  }
  [[nodiscard]] const std::string& stored(const Owner& owner) { return world.row(owner.account).details.handle; }

  World world;
  Network network{world.loop.executor(), GetParam()};
  std::unique_ptr<identity::Directory> directory =
      identity::make_directory(world.loop.executor(), network, network, world.clock, world.metrics,
                               {.plc_url = net::Url::parse("https://plc.test").value()});
  HandleKeeper keeper{world.loop.executor(), world.table,  world.ledger, *directory,
                      world.clock,           world.jitter, world.metrics};
  std::size_t handles = 0;
  std::list<test::Background> workers;
};

TEST_P(HandleFaults, NeverCostAnOwnerItsHandleAndNeverGiveALiarOne) {
  const auto expect_no_harm = [this] {
    for (const Owner& owner : network.owners) {
      if (owner.is_honest) {
        EXPECT_TRUE(owner.had.contains(stored(owner))) << owner.proof->name << ": " << stored(owner);
      } else {
        EXPECT_TRUE(stored(owner).empty() || stored(owner) == "handle.invalid") << owner.proof->name;
      }
    }
  };
  for (int step = 0; step < 600 && !HasFailure(); ++step) {
    auto owner = network.owners.begin();
    std::advance(owner, static_cast<std::ptrdiff_t>(network.dice.below(network.owners.size())));
    network.dice.chance(30) ? rename(*owner) : keeper.check(owner->account.did());
    pass(1s * network.dice.below(600));
    if (network.dice.chance(50)) network.release();
    expect_no_harm();
  }
  EXPECT_EQ(network.troubles.size(), 9U);

  network.is_calm = true;
  network.release();
  for (auto left = 24h; left > 0h && !HasFailure(); left -= 1h) {
    for (int minute = 0; minute < 60; ++minute) pass(1min);
    expect_no_harm();
  }
  for (const Owner& owner : network.owners) {
    if (owner.is_honest) EXPECT_EQ(stored(owner), owner.handle) << owner.proof->name;
    if (!owner.is_honest && owner.proof->is_sure) EXPECT_EQ(stored(owner), "handle.invalid") << owner.proof->name;
    EXPECT_EQ(world.row(owner.account).details.handle_due, !owner.proof->is_sure) << owner.proof->name;
  }
}

INSTANTIATE_TEST_SUITE_P(Of, HandleFaults, testing::Values(1, 2, 3));

}  // namespace
}  // namespace tap::resync
