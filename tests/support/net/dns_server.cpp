// SPDX-License-Identifier: MIT
#include "support/net/dns_server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>

#include <array>

namespace tap::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using udp = asio::ip::udp;
constexpr std::size_t kHeader = 12;
constexpr int kNoSuchName = 3;
constexpr std::size_t kCutOff = 0x0200;

std::string u16(std::size_t value) { return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)}; }

/// The dotted name of the question, and where the question ends; empty when it is none.
std::pair<std::string, std::size_t> question_of(ByteView query) {
  std::string name;
  std::size_t at = kHeader;
  while (at < query.size() && query[at] != 0) {
    const std::size_t length = query[at++];
    if (length > query.size() - at) return {};
    if (!name.empty()) name += '.';
    name += as_text(query.subspan(at, length));
    at += length;
  }
  return at + 5 > query.size() ? std::pair<std::string, std::size_t>() : std::pair(name, at + 5);
}

/// The length of an answer that the query announces behind its question (RFC 6891).
std::optional<std::size_t> announced(ByteView query, std::size_t at) {
  constexpr std::uint8_t kOpt = 41;
  const bool has_edns = query.size() >= at + 5 && query[at] == 0 && query[at + 1] == 0 && query[at + 2] == kOpt;
  if (!has_edns) return std::nullopt;
  return query[at + 3] << 8 | query[at + 4];
}

std::string record_of(const DnsServer::Strings& strings, bool malformed) {
  std::string data;
  for (const std::string& text : strings) data += static_cast<char>(text.size()) + text;
  if (malformed) data = "\x40short";
  const std::string to_question = "\xc0\x0c";
  return to_question + u16(16) + u16(1) + u16(0) + u16(60) + u16(data.size()) + data;
}

}  // namespace

DnsServer::DnsServer()
    : listener_(thread_.executor(), tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
      port_(listener_.local_endpoint().port()),
      socket_(thread_.executor(), udp::endpoint(asio::ip::address_v4::loopback(), port_)) {
  thread_.call([this] { thread_.spawn("dns", serve()); });
}

void DnsServer::set_txt(const std::string& name, std::vector<Strings> records) {
  thread_.call([&] { answers_[name] = {.records = std::move(records)}; });
}
void DnsServer::set_silent(const std::string& name) {
  thread_.call([&] { answers_[name] = {.silent = true}; });
}
void DnsServer::set_code(const std::string& name, int code) {
  thread_.call([&] { answers_[name] = {.code = code}; });
}
void DnsServer::set_malformed(const std::string& name) {
  thread_.call([&] { answers_[name] = {.records = {{""}}, .malformed = true}; });
}
void DnsServer::refuse_edns(std::optional<int> code) {
  thread_.call([&] {
    knows_edns_ = false;
    edns_refusal_ = code;
  });
}
std::size_t DnsServer::queries(const std::string& name) {
  return thread_.call([&] { return queries_[name]; });
}

Task<void> DnsServer::serve() {
  std::array<std::uint8_t, 512> query;
  for (;;) {
    udp::endpoint client;
    const auto [error, size] =
        co_await socket_.async_receive_from(asio::buffer(query), client, asio::as_tuple(asio::use_awaitable));
    if (error || size < kHeader) continue;
    const std::string reply = answer(ByteView(query).first(size));
    if (reply.empty()) continue;
    co_await socket_.async_send_to(asio::buffer(reply), client, asio::as_tuple(asio::use_awaitable));
  }
}

std::string DnsServer::answer(ByteView query) {
  const auto [name, end] = question_of(query);
  if (end == 0) return {};
  ++queries_[name];
  const std::optional<std::size_t> edns = announced(query, end);
  const auto found = answers_.find(name);
  Answer answer = found == answers_.end() ? Answer{.code = kNoSuchName} : found->second;
  if (edns && !knows_edns_) answer = {.code = edns_refusal_.value_or(0), .silent = !edns_refusal_};
  if (answer.silent) return {};

  const std::string id(as_text(query.first(2)));
  const std::string question(as_text(query.subspan(kHeader, end - kHeader)));
  std::string records;
  std::size_t count = 0;
  for (const Strings& strings : answer.records) {
    const std::string record = record_of(strings, answer.malformed);
    if (end + records.size() + record.size() > edns.value_or(512)) break;
    records += record;
    ++count;
  }
  std::size_t flags = 0x8180 | static_cast<std::size_t>(answer.code);  // a recursive answer
  if (count < answer.records.size()) flags |= kCutOff;
  std::string reply = id + u16(flags) + u16(1) + u16(count) + u16(0) + u16(0) + question + records;
  return reply;
}

}  // namespace tap::test
