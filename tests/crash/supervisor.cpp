// SPDX-License-Identifier: MIT
#include "crash/supervisor.hpp"

#include "support/process/check.hpp"
#include "support/process/http_call.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <stdexcept>
#include <utility>

namespace tap::crash {
namespace {

using namespace std::chrono_literals;

constexpr auto kSettleLimit = 120s;
/// A fold comes by itself when commits have waited for five seconds.
constexpr auto kLongLife = 6s;
constexpr std::size_t kLogTail = 25;

}  // namespace

Supervisor::Supervisor(Options options)
    : options_(std::move(options)), dice_(options_.seed), network_(options_.seed + 1, options_.accounts, judge_) {}

Supervisor::~Supervisor() {
  is_loading_ = false;
  is_giving_up_ = true;
  if (loader_.joinable()) loader_.join();
}

std::string Supervisor::database_url() const {
  return options_.database_url.empty() ? "sqlite://" + (folder_.path() / "tap.db").string() : options_.database_url;
}

void Supervisor::run() {
  try {
    start();
    for (const std::string& did : network_.dids()) ask("/repos/add", did);
    settle();
    while (kills_ < options_.kills) {
      begin_load();
      for (std::size_t left = std::min(options_.settle_every, options_.kills - kills_); left > 0; --left) kill_once();
      start();
      end_load();  // it may wait for an answer
      network_.calm_down();
      listen();
      settle();
    }
    stop();
    check_database();
    say("done");
  } catch (const std::exception&) {
    say("FAILED");
    if (tap_) {
      const auto lines = tap_->lines();
      for (std::size_t at = lines.size() - std::min(lines.size(), kLogTail); at < lines.size(); ++at) {
        std::cerr << "  tap: " << lines[at] << '\n';
      }
    }
    throw;
  }
}

void Supervisor::launch() {
  consumer_.reset();
  tap_.reset();
  judge_.begin_life();
  tap_.emplace(test::TapProcess::Options{
      .binary = options_.tap,
      .folder = folder_.path(),
      .arguments = {"run", "--db-url", database_url(), "--bind", "127.0.0.1:0", "--relay-url", network_.relay_url(),
                    "--plc-url", network_.plc_url(), "--cursor-save-interval", "20ms", "--retry-timeout", "1s",
                    "--outbox-capacity", "200"}});
}

void Supervisor::start() {
  launch();
  port_ = tap_->wait_for_start();
  listen();
}

void Supervisor::stop() {
  tap_->signal(SIGTERM);
  if (tap_->wait_for_exit() != test::ExitStatus{.code = 0}) throw std::runtime_error("the stop was not in order");
}

/// Under load in one of the ways in which consumers are: diligent, or one that never acks, or away. The diligent one
/// reads all that is at hand before it acks: what may not go together shows.
void Supervisor::listen() {
  consumer_.reset();
  const std::size_t kind = is_loading_ ? dice_.below(10) : 0;
  if (kind == 9) return;
  try {
    consumer_.emplace(port_, judge_, test::Consumer::Options{.acks = kind < 7, .acks_late = true});
  } catch (const std::exception&) {
    if (!is_loading_) throw;  // it may have been too busy for a moment
  }
}

void Supervisor::kill_once() {
  dice_.chance(25) ? kill_while_it_starts() : kill_at_work();
  ++kills_;
  check_database();
  look_for_violations();
}

void Supervisor::kill_while_it_starts() {
  launch();
  std::this_thread::sleep_for(Milliseconds(dice_.below(60)));
  port_ = 0;
  tap_->kill();
}

void Supervisor::kill_at_work() {
  start();
  std::this_thread::sleep_for(dice_.chance(2) ? kLongLife : Milliseconds(dice_.below(250)));
  if (consumer_ && dice_.chance(30)) {
    consumer_.reset();  // so that its events are on the way back
    std::this_thread::sleep_for(Milliseconds(dice_.below(5)));
  }
  port_ = 0;
  tap_->kill();
}

void Supervisor::check_database() {
  consumer_.reset();
  test::check_database(options_.tap, database_url());
}

void Supervisor::begin_load() {
  is_loading_ = true;
  loader_ = std::thread([this] { load(); });
}

void Supervisor::end_load() {
  is_loading_ = false;
  loader_.join();
  if (load_failure_) std::rethrow_exception(load_failure_);
}

void Supervisor::load() {
  try {
    test::Dice pauses(options_.seed + kills_);
    while (is_loading_) {
      network_.act([this](const std::string& target, const std::string& did) { ask(target, did); });
      std::this_thread::sleep_for(std::chrono::microseconds(pauses.below(4'000)));
    }
  } catch (...) {
    load_failure_ = std::current_exception();
  }
}

/// Asks whoever is there until it is done, as an operator's script does.
void Supervisor::ask(const std::string& target, const std::string& did) {
  const auto deadline = std::chrono::steady_clock::now() + kSettleLimit;
  while (!is_giving_up_) {
    try {
      const std::uint16_t port = port_;
      const std::string body = nlohmann::json{{"dids", {did}}}.dump();
      if (port != 0 && test::http_call(port, {.method = "POST", .target = target, .body = body}).status == 200) return;
    } catch (const std::exception&) {
      // It was killed meanwhile; whether it has done it nobody knows.
    }
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error(target + " is never done");
    std::this_thread::sleep_for(5ms);
  }
}

/// Everything arrives. Behind a stop in order nothing of it comes again.
void Supervisor::settle() {
  wait_for_everything();
  for (const std::string& did : network_.dids()) judge_.settle(did, network_.truth(did));
  network_.settled();
  stop();
  judge_.all_done();
  start();
  wait_for_everything();
  say("settled");
}

/// Nobody listens in the end, so that no ack is on its way.
void Supervisor::wait_for_everything() {
  const auto deadline = std::chrono::steady_clock::now() + kSettleLimit;
  for (;;) {
    const std::string left = unsettled();
    look_for_violations();
    if (left.empty() && !consumer_) return;
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("not in time: " + left);
    if (left.empty()) {
      consumer_.reset();
    } else if (!consumer_) {
      listen();
    } else {
      std::this_thread::sleep_for(20ms);
    }
  }
}

/// What is still to come; empty when everything is there, acked and active.
std::string Supervisor::unsettled() {
  for (const std::string& did : network_.dids()) {
    const test::Judge::Truth truth = network_.truth(did);
    if (std::string difference = judge_.difference(did, truth); !difference.empty()) return difference;
    const auto info = test::http_call(port_, {.target = "/info/" + did});
    if (info.status != 200) return did + " is not followed";
    if (truth.is_active && info.json().value("state", "") != "active") return did + ": " + info.body;
  }
  const auto waiting = test::http_call(port_, {.target = "/stats/outbox-buffer"}).json().at("outbox_buffer");
  return waiting == 0 ? "" : waiting.dump() + " events wait";
}

void Supervisor::look_for_violations() {
  if (const std::string violation = judge_.violation(); !violation.empty()) throw std::runtime_error(violation);
}

void Supervisor::say(const std::string& what) {
  const auto count = judge_.count();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin_;
  std::cout << fmt::format("{}: {} kills, {} events, {} repeats, {:.1f} s", what, kills_, count.events, count.repeats,
                           took.count())
            << std::endl;
}

}  // namespace tap::crash
