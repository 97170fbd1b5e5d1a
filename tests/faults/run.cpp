// SPDX-License-Identifier: MIT
#include "faults/run.hpp"

#include "faults/draw.hpp"
#include "faults/vitals.hpp"
#include "support/process/check.hpp"
#include "support/process/http_call.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <deque>
#include <iostream>
#include <regex>
#include <stdexcept>
#include <thread>
#include <utility>

namespace tap::faults {
namespace {

using namespace std::chrono_literals;

constexpr auto kLook = 250ms;
constexpr auto kFirstLimit = 120s;                        // until everybody was fetched for the first time
constexpr std::chrono::milliseconds kLongestPeace = 20s;  // between two faults of the connection
constexpr auto kLongestSilence = 180s;                    // without a connection; a cursor of the future costs 60 s
constexpr auto kFullRound = 120s;                         // where rounds are shorter all goes faster
constexpr int kShortRoundParts = 12;
constexpr std::int64_t kMostFrames = 5'000;   // that Tap has not seen yet
constexpr std::uint64_t kMostEvents = 5'000;  // that no consumer has acked yet
/// Memory says something only when there was time to fill what is bounded.
constexpr auto kLongRun = 10min;
constexpr std::size_t kLogTail = 25;

bool says_why(const nlohmann::json& info) {
  return info.value("state", "active") != "active" && !info.value("error", "").empty();
}

/// The first that a text names.
std::string did_in(const std::string& text) {
  static const std::regex pattern("did:[a-z]+:[A-Za-z0-9.%-]+");
  std::smatch found;
  return std::regex_search(text, found, pattern) ? found.str() : "";
}

}  // namespace

Run::Run(Options options)
    : options_(std::move(options)),
      round_(std::min<std::chrono::milliseconds>(options_.length, options_.round)),
      is_short_(round_ < kFullRound),
      longest_peace_(is_short_ ? round_ / kShortRoundParts + 1ms : kLongestPeace),
      population_(options_.seed + 1, options_.honest, faults_),
      stream_(options_.seed + 2, population_, faults_),
      witness_(judge_, population_.mutes()) {}

std::string Run::database_url() const {
  return options_.database_url.empty() ? "sqlite://" + (folder_.path() / "tap.db").string() : options_.database_url;
}

void Run::run() {
  try {
    start();
    ask("/repos/add", population_.dids());
    const auto end = SteadyClock::now() + options_.length;
    for (auto now = SteadyClock::now(); now < end; now = SteadyClock::now()) {
      rage(std::min(round_, std::chrono::ceil<std::chrono::milliseconds>(end - now)));
      converge();
    }
    stop();
    look_for_violations();
    test::check_database(options_.tap, database_url());
    report();
    tell_faults();
    const MemoryCourse course = MemoryCourse::of(memory_);
    if (options_.length >= kLongRun && !course.is_flat()) throw std::runtime_error("memory grows: " + course.str());
    std::cout << "done" << std::endl;
  } catch (const std::exception&) {
    report();
    tell_the_end();
    throw;
  }
}

void Run::start() {
  tap_.emplace(test::TapProcess::Options{
      .binary = options_.tap,
      .folder = folder_.path(),
      .arguments = {"run", "--db-url", database_url(), "--bind", "127.0.0.1:0", "--relay-url", stream_.relay_url(),
                    "--plc-url", population_.plc_url(), "--cursor-save-interval", "100ms", "--retry-timeout", "1s",
                    "--outbox-capacity", "2000", "--repo-fetch-timeout", "5s", "--repo-max-bytes", "4194304"}});
  port_ = tap_->wait_for_start();
  listen();
}

/// The diligent consumer, anew when it was cut. It reads all that is at hand before it acks: what may not go together
/// shows.
void Run::listen() {
  if (consumer_ && !consumer_->has_ended()) return;
  if (consumer_) std::ignore = consumer_->wait_for_end();  // throws what it could not understand
  ++consumers_;
  consumer_.emplace(port_, witness_, test::Consumer::Options{.acks_late = true, .remembers = false});
}

void Run::rage(std::chrono::milliseconds length) {
  population_.be_calm(false);
  open_doors();
  // It makes us wait for a minute, which a short round does not have.
  if (!is_short_ && draw(options_.seed, "round", ++rounds_).chance(20)) stream_.send_away();
  const auto begin = SteadyClock::now();
  next_disturbance_ = begin + longest_peace_ / 6;
  // The first round goes on until there was everything.
  while (SteadyClock::now() < begin + length || !stream_.has_done_all()) act();
  crowd_.reset();
}

void Run::open_doors() { crowd_.emplace(options_.seed, guests_, port_, witness_, faults_); }

void Run::act() {
  const auto now = SteadyClock::now();
  if (now >= next_look_) {
    next_look_ = now + kLook;
    look_after();
    try_a_liar_again();
  }
  if (now >= next_disturbance_) disturb();
  if (is_busy_) std::this_thread::sleep_for(5ms);
  if (!is_busy_) stream_.act();
}

/// Of the connection, when there is one. Tap waits longer behind each that ended, until one has lived for a minute.
/// Short rounds do not have that; so it is killed and begins anew.
void Run::disturb() {
  if (is_short_ && since_restart_ == 2) return restart();
  if (!stream_.is_connected()) {
    if (SteadyClock::now() > next_disturbance_ + kLongestSilence) throw std::runtime_error("tap does not come back");
    return;
  }
  stream_.disturb();
  ++since_restart_;
  const auto least = longest_peace_ / 6;
  const auto range = static_cast<std::size_t>((longest_peace_ - least).count());
  auto dice = draw(options_.seed, "peace", ++peaces_);
  next_disturbance_ = SteadyClock::now() + least + std::chrono::milliseconds(dice.below(range));
}

void Run::restart() {
  since_restart_ = 0;
  faults_.add("kill");  // a stop waits for keys that hang, up to ten seconds
  crowd_.reset();
  tap_->kill();
  consumer_.reset();
  judge_.begin_life();
  start();
  open_doors();
}

/// How Tap is, several times a second.
void Run::look_after() {
  const std::uint64_t memory = resident_bytes(tap_->pid());
  if (memory == 0) throw std::runtime_error("tap has ended");
  memory_.push_back(memory);
  look_for_violations();
  listen();
  const std::int64_t seen = get("/stats/cursors").at("firehose");
  const std::uint64_t waiting = get("/stats/outbox-buffer").at("outbox_buffer");
  is_busy_ = stream_.seq() - seen > kMostFrames || waiting > kMostEvents;
  stream_.forget_below(seen);
}

/// A liar is soon left alone for long. Removed and added again it is nobody that is known.
void Run::try_a_liar_again() {
  std::string did;
  {
    const auto held = population_.lock();
    const Member& liar = *draw(options_.seed, "liar tried again", ++tries_).pick(population_.liars());
    if (liar.can_begin_anew()) did = liar.did();
  }
  if (!did.empty()) begin_anew(did);
}

void Run::begin_anew(const std::string& did) {
  judge_.expect_everything_again(did);
  ask("/repos/remove", {did});
  ask("/repos/add", {did});
}

void Run::converge() {
  population_.be_calm(true);
  stream_.calm_down();
  done_.clear();
  const auto begin = SteadyClock::now();
  const auto limit =
      convergences_.empty() ? std::max<std::chrono::seconds>(options_.patience, kFirstLimit) : options_.patience;
  for (std::string left = unsettled(); !left.empty(); left = unsettled()) {
    last_left_ = left;
    look_after();
    if (SteadyClock::now() > begin + limit) throw std::runtime_error("not in time: " + left);
    stream_.let_the_next_lie();
    std::this_thread::sleep_for(20ms);
  }
  convergences_.emplace_back(SteadyClock::now() - begin);
  look_after();
  report();
  std::cout << "  the last that was waited for: " << last_left_ << std::endl;
  settle();
}

/// What is still to come; empty when the honest are all right, the others known for what they are, and all is acked.
std::string Run::unsettled() {
  const auto held = population_.lock();
  for (const auto& member : population_.honest()) {
    if (done_.contains(member->did())) continue;
    if (std::string difference = unsettled(*member); !difference.empty()) return difference;
    done_.insert(member->did());
  }
  for (const auto& liar : population_.liars()) {
    // Once is enough: what a liar says may be true for a moment.
    if (done_.contains(liar->did())) continue;
    const auto info = get("/info/" + liar->did());
    if (!says_why(info)) return "(" + liar->kind() + ") " + info.dump();
    done_.insert(liar->did());
  }
  const auto waiting = get("/stats/outbox-buffer").at("outbox_buffer");
  return waiting == 0 ? "" : waiting.dump() + " events wait";
}

std::string Run::unsettled(const Member& member) {
  const test::Author& author = member.author;
  const test::Judge::Truth truth{
      .records = author.record_cids(), .deleted = author.deleted, .is_active = !author.is_away};
  const std::string difference = judge_.difference(member.did(), truth);
  const auto info = get("/info/" + member.did());
  if (!difference.empty()) return difference + ", and it is " + info.dump();
  if (author.is_away) return "";  // what it wrote last is told when it is back
  const bool is_right = info.value("state", "") == "active" && info.value("error", "?").empty() &&
                        info.value("rev", "") == author.account.head()->rev.str() &&
                        info.value("records", std::size_t{0}) == truth.records.size();
  return is_right ? "" : info.dump();
}

/// Everybody knows everything. Who had troubles begins anew, so that they do not add up; nobody knows then that it is
/// away, until it is said.
void Run::settle() {
  std::vector<std::string> troubled;
  {
    const auto held = population_.lock();
    for (const auto& member : population_.honest()) {
      const test::Author& author = member->author;
      judge_.settle(member->did(), {.records = author.record_cids(), .deleted = {}, .is_active = !author.is_away});
      if (member->troubles > 0) troubled.push_back(member->did());
      if (member->troubles > 0 || !author.is_away) member->author.deleted.clear();
      member->troubles = 0;
    }
  }
  judge_.all_acked();
  ask("/repos/remove", troubled);
  for (const std::string& did : troubled) judge_.forget(did);
  ask("/repos/add", troubled);
  stream_.say_who_is_away();
}

void Run::stop() {
  tap_->signal(SIGTERM);
  if (tap_->wait_for_exit() != test::ExitStatus{.code = 0}) throw std::runtime_error("the stop was not in order");
  if (consumer_) std::ignore = consumer_->wait_for_end();  // throws what it could not understand
  consumer_.reset();
}

void Run::ask(const std::string& target, const std::vector<std::string>& dids) {
  if (dids.empty()) return;
  const std::string body = nlohmann::json{{"dids", dids}}.dump();
  const auto answer = test::http_call(port_, {.method = "POST", .target = target, .body = body});
  if (answer.status != 200) throw std::runtime_error(target + ": " + answer.head + answer.body);
}

nlohmann::json Run::get(const std::string& target) { return test::http_call(port_, {.target = target}).json(); }

void Run::look_for_violations() {
  if (const std::string violation = witness_.violation(); !violation.empty()) throw std::runtime_error(violation);
}

void Run::report() {
  const auto count = judge_.count();
  const Seconds took = SteadyClock::now() - begin_;
  std::cout << fmt::format(
      "{:.0f} s: {} frames, {} fetches, {} look-ups of documents, {} events, {} repeats, "
      "{} consumers\n  memory: {}\n",
      took.count(), stream_.frames(), population_.fetches(), population_.lookups(), count.events, count.repeats,
      consumers_, MemoryCourse::of(memory_).str());
  std::cout << "  seconds to converge:";
  for (const Seconds time : convergences_) std::cout << fmt::format(" {:.1f}", time.count());
  std::cout << std::endl;
}

void Run::tell_faults() const {
  for (const auto& [kind, count] : faults_.counts()) std::cout << fmt::format("  {:>8} {}\n", count, kind);
}

/// The last lines of the log, and those about who was waited for last.
void Run::tell_the_end() const {
  if (!tap_) return;
  const std::string did = did_in(last_left_);
  std::deque<std::string> about, last;
  const auto keep = [](std::deque<std::string>& lines, const std::string& line) {
    lines.push_back(line);
    if (lines.size() > kLogTail) lines.pop_front();
  };
  for (const std::string& line : tap_->lines()) {
    if (line.find("\"remote_ip\"") != std::string::npos) continue;  // what the run itself asks
    keep(last, line);
    if (!did.empty() && line.find(did) != std::string::npos) keep(about, line);
  }
  for (const auto* lines : {&about, &last}) {
    for (const std::string& line : *lines) std::cerr << "  tap: " << line << '\n';
  }
}

}  // namespace tap::faults
