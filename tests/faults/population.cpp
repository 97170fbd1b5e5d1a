// SPDX-License-Identifier: MIT
#include "faults/population.hpp"

#include "faults/commit_lies.hpp"
#include "faults/draw.hpp"
#include "faults/host_lies.hpp"
#include "faults/repo_lies.hpp"
#include "support/atproto/did_document.hpp"

#include <utility>

namespace tap::faults {
namespace {

using test::HttpRequest;
using test::HttpServer;
using test::Reply;

constexpr std::size_t kHonestHosts = 3;
constexpr std::size_t kHonestOnTheWeb = 3;
constexpr std::size_t kCommitLiars = 6;
constexpr std::size_t kFirstRecords = 20;

/// The did:web of localhost with a port.
std::string did_of_host(std::string host) {
  if (const auto colon = host.find(':'); colon != std::string::npos) host.replace(colon, 1, "%3A");
  return "did:web:" + host;
}

}  // namespace

std::string Member::kind() const {
  switch (vice) {
    case Vice::none:
      return "honest";
    case Vice::commits:
      return "commits that lie";
    case Vice::repo:
      return repo_lies()[lie].name;
    case Vice::old_repo:
      return "repo of old";
    case Vice::host:
      return host_lies()[lie].name;
    case Vice::document:
      return document_lies()[lie].name;
  }
  return {};
}

bool Member::can_begin_anew() const {
  switch (vice) {
    case Vice::none:
    case Vice::repo:
    case Vice::document:
      return true;
    case Vice::host:
      return !host_lies()[lie].is_alone;  // the host may have been given a rest
    case Vice::commits:                   // lies best while it is known
    case Vice::old_repo:                  // would tell everything again under a rev that lies behind
      return false;
  }
  return false;
}

Population::Population(std::uint64_t seed, std::size_t honest, Tally& faults) : faults_(faults), seed_(seed) {
  servers_.push_back(std::make_unique<HttpServer>(
      [this](const HttpRequest& request) { return on_directory(request.path.substr(1)); }));
  plc_url_ = servers_.front()->url();
  for (std::size_t i = 0; i < kHonestHosts; ++i) honest_hosts_.push_back(open_host());
  test::Dice dice(seed);
  for (std::size_t i = 0; i < honest; ++i) settle_down(honest_, Vice::none, dice.pick(honest_hosts_));
  for (std::size_t i = 0; i < kHonestOnTheWeb; ++i) {
    settle_down_on_the_web(honest_, Vice::none, dice.pick(honest_hosts_));
  }
  invite_liars();
  for (const auto& liar : liars_) {
    if (liar->is_mute()) mutes_.insert(liar->did());
  }
}

/// The servers' threads first, while what they read is there.
Population::~Population() { servers_.clear(); }

void Population::invite_liars() {
  const std::string& honest_host = honest_hosts_.front();
  const std::string shared = open_host();
  for (std::size_t i = 0; i < kCommitLiars; ++i) settle_down(liars_, Vice::commits, honest_host);
  for (std::size_t i = 0; i < repo_lies().size(); ++i) settle_down(liars_, Vice::repo, shared).lie = i;
  for (std::size_t i = 0; i < host_lies().size(); ++i) {
    settle_down(liars_, Vice::host, host_lies()[i].is_alone ? open_host() : shared).lie = i;
  }
  for (std::size_t i = 0; i < document_lies().size(); ++i) {
    settle_down(liars_, Vice::document, honest_host).lie = i;
    settle_down_on_the_web(liars_, Vice::document, honest_host).lie = i;
  }
  Member& old = settle_down(liars_, Vice::old_repo, shared);
  old.first_repo = old.author.account.full_car();
}

Member& Population::add(Members& to, std::unique_ptr<Member> member) {
  member->author.account.fill(kFirstRecords);
  by_did_[member->did()] = member.get();
  return *to.emplace_back(std::move(member));
}

Member& Population::settle_down(Members& to, Vice vice, const std::string& host) {
  ++numbers_;
  auto member = std::make_unique<Member>(numbers_, test::Account(numbers_), vice);
  member->host = host;
  return add(to, std::move(member));
}

/// Each has a host of its own, where its document is.
Member& Population::settle_down_on_the_web(Members& to, Vice vice, const std::string& host) {
  servers_.push_back(std::make_unique<HttpServer>(
      [this](const HttpRequest& request) { return on_directory(did_of_host(request.header("host"))); }));
  const std::string did = did_of_host("localhost:" + std::to_string(servers_.back()->port()));
  ++numbers_;
  auto member = std::make_unique<Member>(numbers_, test::Account(numbers_, atproto::Did::parse(did).value()), vice);
  member->host = host;
  return add(to, std::move(member));
}

std::string Population::open_host() {
  servers_.push_back(std::make_unique<HttpServer>([this](const HttpRequest& request) { return on_pds(request); }));
  return servers_.back()->url();
}

std::vector<std::string> Population::dids() {
  const auto held = lock();
  std::vector<std::string> dids;
  for (const auto& [did, member] : by_did_) dids.push_back(did);
  return dids;
}

Reply Population::on_directory(const std::string& did) {
  const auto held = lock();
  ++lookups_;
  const auto found = by_did_.find(did);
  if (found == by_did_.end()) return {.status = 404, .body = R"({"message":"DID not registered"})"};
  Member& member = *found->second;
  test::Dice dice = draw(seed_, "document of " + std::to_string(member.number), ++member.documents);
  const std::string document = test::did_document_without_handle(member.author.account, member.host);
  if (member.vice == Vice::document) {
    faults_.add(member.kind());
    return document_lies()[member.lie].tell(member.author.account, document, dice);
  }
  if (!is_calm_) {
    if (PassingTrouble trouble = trouble_of_directory(dice); trouble.name != nullptr) {
      faults_.add(trouble.name);
      return std::move(trouble.reply);
    }
  }
  return {.headers = {{"Content-Type", "application/did+ld+json"}}, .body = document};
}

Reply Population::on_pds(const HttpRequest& request) {
  const auto given = request.query.find("did");
  if (request.path != "/xrpc/com.atproto.sync.getRepo" || given == request.query.end()) {
    return test::xrpc_error(404, "MethodNotImplemented");
  }
  const auto held = lock();
  ++fetches_;
  const auto found = by_did_.find(given->second);
  if (found == by_did_.end()) return test::xrpc_error(400, "RepoNotFound", "Could not find repo");
  return repo_of(*found->second);
}

Reply Population::repo_of(Member& member) {
  const auto car = [](Bytes bytes) {
    return Reply{.headers = {{"Content-Type", "application/vnd.ipld.car"}},
                 .body = std::string(as_text(bytes)),
                 .framing = test::Framing::chunked};
  };
  test::Dice dice = draw(seed_, "repo of " + std::to_string(member.number), ++member.repos);
  if (member.vice == Vice::none || member.vice == Vice::commits || member.vice == Vice::document) {
    return true_repo_of(member, dice);
  }
  faults_.add(member.kind());
  if (member.vice == Vice::repo) return car(repo_lies()[member.lie].tell(member.author.account, dice));
  if (member.vice == Vice::old_repo) return car(member.first_repo);
  return host_lies()[member.lie].tell(member.author.account);
}

Reply Population::true_repo_of(Member& member, test::Dice& dice) {
  const Bytes repo = true_repo(member.author.account, dice);
  if (!is_calm_ && member.is_honest()) {
    if (PassingTrouble trouble = trouble_of_host(dice, repo); trouble.name != nullptr) {
      faults_.add(trouble.name);
      return std::move(trouble.reply);
    }
  }
  return {.headers = {{"Content-Type", "application/vnd.ipld.car"}},
          .body = std::string(as_text(repo)),
          .framing = test::Framing::chunked,
          .gzip = dice.chance(50)};
}

}  // namespace tap::faults
