// SPDX-License-Identifier: MIT
#include "faults/host_lies.hpp"

#include "tap/async/event.hpp"

#include <array>
#include <chrono>
#include <memory>
#include <utility>

namespace tap::faults {
namespace {

using namespace std::chrono_literals;
using test::Account;
using test::Dice;
using test::Fault;
using test::Framing;
using test::Reply;
using test::xrpc_error;

constexpr std::size_t kBombBytes = 64 << 20;
constexpr std::size_t kHugeDocument = 3 << 20;
constexpr std::size_t kHugeHeader = 1 << 20;

Reply with_car(Account& account) {
  return {.headers = {{"Content-Type", "application/vnd.ipld.car"}},
          .body = std::string(as_text(account.full_car())),
          .framing = Framing::chunked};
}
Reply with_fault(Account& account, Fault fault) {
  Reply reply = with_car(account);
  reply.fault = fault;
  reply.fault_at = reply.body.size() / 2;
  return reply;
}
Reply redirect(std::string to) { return {.status = 302, .headers = {{"Location", std::move(to)}}}; }
Reply raw(std::string bytes) { return {.raw = std::move(bytes)}; }

Reply busy(Account&) { return xrpc_error(429, "RateLimitExceeded"); }
Reply busy_for_a_second(Account&) {
  Reply reply = xrpc_error(429, "RateLimitExceeded");
  reply.headers.emplace_back("Retry-After", "1");
  return reply;
}
Reply busy_for_nonsense(Account&) {
  Reply reply = xrpc_error(429, "RateLimitExceeded");
  reply.headers.emplace_back("Retry-After", "-99999999999999999999");
  reply.headers.emplace_back("RateLimit-Reset", "soon");
  return reply;
}
Reply failing(Account&) { return xrpc_error(500, "InternalServerError", "out of cheese"); }
Reply bad_gateway(Account&) { return {.status = 502, .body = "<html><h1>502 Bad Gateway</h1></html>"}; }
Reply unavailable(Account&) { return {.status = 503, .headers = {{"Retry-After", "1"}}}; }
Reply not_found(Account&) { return xrpc_error(400, "RepoNotFound", "Could not find repo"); }
Reply taken_down(Account&) { return xrpc_error(400, "RepoTakendown"); }
Reply unauthorized(Account&) { return {.status = 401, .body = std::string(100'000, 'x')}; }

Reply hanging(Account&) { return {.fault = Fault::hang}; }
Reply hanging_in_head(Account&) { return raw("HTTP/1.1 200 OK\r\nContent-Type: application/vnd"); }
Reply hanging_in_body(Account& account) { return with_fault(account, Fault::hang_in_body); }
Reply cutting(Account&) { return {.fault = Fault::cut}; }
Reply cutting_in_body(Account& account) { return with_fault(account, Fault::cut_in_body); }
Reply dripping(Account& account) {
  Reply reply = with_car(account);
  reply.body.resize(kHugeDocument, '\0');
  reply.pause = 100ms;
  return reply;
}

/// Section after section, each of them sound, that belong to no tree.
std::string next_section(std::uint64_t number) {
  constexpr std::size_t kHeader = 59;
  std::string data = std::to_string(number);
  data.resize(64 << 10, 'x');
  const Bytes bytes(data.begin(), data.end());
  const auto cid = atproto::Cid::of(atproto::Cid::Codec::dag_cbor, bytes);
  return std::string(as_text(test::make_car(cid, {{cid, bytes}}))).substr(kHeader);
}
Reply endless(Account& account) {
  Reply reply = with_car(account);
  reply.source = [number = std::uint64_t{0}, first = std::exchange(reply.body, {})]() mutable {
    return number++ == 0 ? first : next_section(number);
  };
  return reply;
}
Reply bomb(Account&) {
  static const std::string squeezed = test::gzip(std::string(kBombBytes, '\0'));
  return {.headers = {{"Content-Type", "application/vnd.ipld.car"}, {"Content-Encoding", "gzip"}}, .body = squeezed};
}
Reply broken_gzip(Account& account) {
  Reply reply = with_car(account);
  reply.headers.emplace_back("Content-Encoding", "gzip");
  return reply;
}

Reply redirecting_to_itself(Account& account) {
  return redirect("/xrpc/com.atproto.sync.getRepo?did=" + account.did().str());
}
Reply redirecting_to_a_file(Account&) { return redirect("file:///etc/passwd"); }
Reply redirecting_to_nobody(Account&) { return redirect("http://127.0.0.1:1/"); }
Reply redirecting_nowhere(Account&) { return {.status = 301}; }

Reply promising_too_much(Account&) {
  return {.headers = {{"Content-Length", "1000000"}}, .body = "x", .framing = Framing::until_close};
}
Reply bad_chunks(Account&) { return raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nnonsense"); }
Reply huge_head(Account&) { return raw("HTTP/1.1 200 OK\r\nX: " + std::string(kHugeHeader, 'x') + "\r\n\r\n"); }
Reply no_http(Account&) { return raw("220 mail.example.com ESMTP\r\n"); }

constexpr std::array kHostLies = {
    HostLie{"host that is busy", busy, true},
    HostLie{"host that is busy for a second", busy_for_a_second, true},
    HostLie{"host that is busy for nonsense", busy_for_nonsense, true},
    HostLie{"host with status 500", failing},
    HostLie{"host with status 502", bad_gateway},
    HostLie{"host with status 503", unavailable},
    HostLie{"host that finds no repo", not_found},
    HostLie{"host that took it down", taken_down},
    HostLie{"host with status 401", unauthorized},
    HostLie{"host that hangs", hanging, true},
    HostLie{"host that hangs in the head", hanging_in_head, true},
    HostLie{"host that hangs in the body", hanging_in_body, true},
    HostLie{"host that cuts", cutting, true},
    HostLie{"host that cuts in the body", cutting_in_body},
    HostLie{"host that drips", dripping, true},
    HostLie{"host without an end", endless, true},
    HostLie{"host with a gzip bomb", bomb},
    HostLie{"host with broken gzip", broken_gzip},
    HostLie{"host that redirects to itself", redirecting_to_itself},
    HostLie{"host that redirects to a file", redirecting_to_a_file},
    HostLie{"host that redirects to nobody", redirecting_to_nobody, true},
    HostLie{"host that redirects nowhere", redirecting_nowhere},
    HostLie{"host that promises too much", promising_too_much},
    HostLie{"host with bad chunks", bad_chunks, true},
    HostLie{"host with a huge head", huge_head, true},
    HostLie{"host that is none", no_http, true},
};

Reply document(std::string text) {
  return {.headers = {{"Content-Type", "application/did+ld+json"}}, .body = std::move(text)};
}
Reply gone(const Account&, const std::string&, Dice&) { return {.status = 410, .body = R"({"message":"gone"})"}; }
Reply unknown(const Account&, const std::string&, Dice&) { return {.status = 404, .body = "no"}; }
Reply failing_document(const Account&, const std::string&, Dice&) { return {.status = 500}; }
Reply hanging_document(const Account&, const std::string&, Dice&) { return {.fault = Fault::hang}; }
Reply cut_document(const Account&, const std::string& whole, Dice&) {
  return document(whole.substr(0, whole.size() / 2));
}
Reply huge_document(const Account&, const std::string& whole, Dice&) {
  return document(whole + std::string(kHugeDocument, ' '));
}
Reply deep_document(const Account&, const std::string&, Dice&) { return document(std::string(100'000, '[')); }
Reply replaced(std::string text, const std::string& what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return document(std::move(text));
}
Reply foreign_document(const Account& account, const std::string& whole, Dice&) {
  return replaced(whole, account.did().str(), "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa");
}
Reply keyless_document(const Account&, const std::string& whole, Dice&) {
  return replaced(whole, "verificationMethod", "nothing");
}
Reply homeless_document(const Account&, const std::string& whole, Dice&) {
  return replaced(whole, "serviceEndpoint", "nothing");
}
/// Another key at each request, and never the one that signs.
Reply document_of_many_keys(const Account& account, const std::string& whole, Dice& dice) {
  const test::SigningKey key(atproto::Curve::k256, dice.word());
  return replaced(whole, account.key().public_key().multikey(), key.public_key().multikey());
}

constexpr std::array kDocumentLies = {
    DocumentLie{"document that is gone", gone},
    DocumentLie{"document that nobody knows", unknown},
    DocumentLie{"document with status 500", failing_document},
    DocumentLie{"document that hangs", hanging_document},
    DocumentLie{"document that is cut", cut_document},
    DocumentLie{"document that is huge", huge_document},
    DocumentLie{"document of great depth", deep_document},
    DocumentLie{"document of another", foreign_document},
    DocumentLie{"document without a key", keyless_document},
    DocumentLie{"document without a PDS", homeless_document},
    DocumentLie{"document of many keys", document_of_many_keys},
};

/// A hang that ends: the connection closes, a little later and without a word.
Reply hang_for(std::chrono::milliseconds time) {
  Reply reply;
  reply.takeover = [time](std::shared_ptr<boost::asio::ip::tcp::socket> socket) -> Task<void> {
    co_await async::sleep_for(time);
    test::reset(*socket);
  };
  return reply;
}

}  // namespace

std::span<const HostLie> host_lies() { return kHostLies; }
std::span<const DocumentLie> document_lies() { return kDocumentLies; }

PassingTrouble trouble_of_host(Dice& dice, const Bytes& car) {
  Reply torn{.body = std::string(as_text(car)), .framing = Framing::chunked, .fault_at = dice.below(car.size())};
  switch (dice.below(100)) {
    case 0:
      return {"passing 500", {.status = 500}};
    case 1:
      return {"passing 502", {.status = 502, .body = "<html>502</html>"}};
    case 2:
      return {"passing 503", {.status = 503}};
    case 3: {
      Reply busy = xrpc_error(429, "RateLimitExceeded");
      busy.headers.emplace_back("Retry-After", "1");
      return {"passing 429", std::move(busy)};
    }
    case 4:
      return {"passing hang", hang_for(1s)};
    case 5:
    case 6:
      torn.fault = Fault::cut_in_body;
      return {"passing cut in a repo", std::move(torn)};
    case 7:
      torn.fault_at = 0;
      torn.pause = 50ms;
      return {"slow repo", std::move(torn)};
    default:
      return {};
  }
}

PassingTrouble trouble_of_directory(Dice& dice) {
  switch (dice.below(40)) {
    case 0:
      return {"passing 500 of the directory", {.status = 500}};
    case 1:
      return {"passing hang of the directory", hang_for(1s)};
    default:
      return {};
  }
}

}  // namespace tap::faults
