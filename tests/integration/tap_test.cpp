// SPDX-License-Identifier: MIT
#include "integration/tap_test.hpp"

#include "support/atproto/did_document.hpp"

#include <algorithm>
#include <csignal>
#include <iostream>
#include <stdexcept>
#include <thread>

namespace tap::test {

void wait_for(std::string_view what, const std::function<bool()>& condition, std::chrono::seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("not in time: " + std::string(what));
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
}

std::string document_of(const Account& account, std::string_view pds_url) {
  std::string document = did_document(account, pds_url);
  const std::string handle = "at://" + account.handle();
  return document.replace(document.find(handle), handle.size(), "at://handle.invalid");
}

std::vector<std::string> actions_of(const Events& events) {
  std::vector<std::string> actions;
  for (const Event& event : events) {
    if (event.is_record) actions.push_back(event.action() + " " + event.path());
  }
  return actions;
}

void TapTest::TearDown() {
  constexpr std::size_t kShown = 20;
  if (!HasFailure() || !tap_) return;
  auto lines = tap_->lines();
  std::erase_if(lines,
                [](const std::string& line) { return line.find("\"level\"") == std::string::npos; });  // requests
  for (std::size_t i = lines.size() - std::min(lines.size(), kShown); i < lines.size(); ++i) {
    std::cerr << "tap: " << lines[i] << '\n';
  }
}

void TapTest::publish(Account& account, PdsServer& pds) {
  publish_document(account, pds);
  pds.set_repo(account.did().str(), account.full_car());
}

void TapTest::publish_document(const Account& account, const PdsServer& pds) {
  plc_.set_document(account.did().str(), document_of(account, pds.url()));
}

std::vector<std::string> TapTest::usual_arguments() const {
  return {"run",       "--db-url", database_url(),           "--bind", "127.0.0.1:0", "--relay-url", relay_.url(),
          "--plc-url", plc_.url(), "--cursor-save-interval", "20ms"};
}

TapProcess& TapTest::launch(const std::vector<std::string>& further) {
  std::vector<std::string> arguments = {"run"};
  const auto usual = usual_arguments();
  for (std::size_t i = 1; i + 1 < usual.size(); i += 2) {
    if (!left_out_.contains(usual[i])) arguments.insert(arguments.end(), {usual[i], usual[i + 1]});
  }
  arguments.insert(arguments.end(), further.begin(), further.end());
  return tap_.emplace(TapProcess::Options{
      .binary = TAP_BINARY, .folder = folder_.path(), .arguments = std::move(arguments), .environment = environment_});
}

void TapTest::start(const std::vector<std::string>& further) {
  subscriptions_ = relay_.cursors().size();
  port_ = launch(further).wait_for_start();
  const bool follows = std::ranges::find(further, "--outbox-only") == further.end();
  if (follows && !relay_.wait_for_subscriptions(subscriptions_ + 1)) throw std::runtime_error("tap does not follow");
}

void TapTest::stop() {
  tap_->signal(SIGTERM);
  EXPECT_EQ(tap_->wait_for_exit(), (ExitStatus{.code = 0})) << tap_->errors();
}

void TapTest::crash() {
  tap_->kill();
  drop_consumer();
}

Consumer& TapTest::consume(Consumer::Options options) { return consumer_.emplace(port_, log_, std::move(options)); }

void TapTest::post(const std::string& target, const std::vector<std::string>& dids) const {
  const auto answer =
      http_call(port_, {.method = "POST", .target = target, .body = nlohmann::json{{"dids", dids}}.dump()});
  if (answer.status != 200) throw std::runtime_error(target + ": " + answer.head + answer.body);
}

void TapTest::onboard(Account& account) {
  publish(account);
  track(account);
  await_records(account);
  await_state(account, "active");
}

nlohmann::json TapTest::get(const std::string& target) const { return http_call(port_, {.target = target}).json(); }

std::string TapTest::state(const Account& account) const {
  return get("/info/" + account.did().str()).value("state", "");
}

void TapTest::await_state(const Account& account, const std::string& state) const {
  wait_for(account.did().str() + " is " + state, [&] { return this->state(account) == state; });
}

void TapTest::await_undelivered(std::uint64_t count) const {
  wait_for(std::to_string(count) + " undelivered events",
           [&] { return get("/stats/outbox-buffer").at("outbox_buffer") == count; });
}

void TapTest::await_records(const Account& account) {
  const auto wanted = records_of_account(account);
  const std::string did = account.did().str();
  log_.wait_until("the records of " + did, [&](const Events& events) {
    return !of_did(events, did).empty() && records_of(of_did(events, did), did) == wanted;
  });
}

RecordCids TapTest::records_of_account(const Account& account) {
  RecordCids cids;
  for (const auto& [path, record] : account.records()) {
    cids[path] = atproto::Cid::of(atproto::Cid::Codec::dag_cbor, record).str();
  }
  return cids;
}

Events TapTest::told(const Account& account) const { return of_did(first_arrivals(log_.all()), account.did().str()); }

}  // namespace tap::test
