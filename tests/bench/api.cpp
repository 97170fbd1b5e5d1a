// SPDX-License-Identifier: MIT
#include "bench/api.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <span>
#include <stdexcept>
#include <thread>

namespace tap::bench {
namespace {

constexpr std::size_t kDidsAtOnce = 1'000;
constexpr auto kMaxIdle = std::chrono::seconds(20);

std::size_t content_length(std::string head) {
  std::ranges::transform(head, head.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  constexpr std::string_view kName = "\r\ncontent-length:";
  const std::size_t at = head.find(kName);
  return at == std::string::npos ? 0 : std::stoul(head.substr(at + kName.size()));
}

}  // namespace

void Api::add(const std::vector<std::string>& dids) {
  for (std::size_t at = 0; at < dids.size(); at += kDidsAtOnce) {
    const auto some = std::span(dids).subspan(at, std::min(kDidsAtOnce, dids.size() - at));
    request("POST", "/repos/add", nlohmann::json{{"dids", std::vector<std::string>(some.begin(), some.end())}}.dump());
  }
}

std::string Api::state(const std::string& did) {
  return nlohmann::json::parse(request("GET", "/info/" + did)).at("state").get<std::string>();
}

std::uint64_t Api::undelivered() {
  return nlohmann::json::parse(request("GET", "/stats/outbox-buffer")).at("outbox_buffer").get<std::uint64_t>();
}

std::uint64_t Api::records() {
  return nlohmann::json::parse(request("GET", "/stats/record-count")).at("record_count").get<std::uint64_t>();
}

void Api::connect() {
  const auto now = std::chrono::steady_clock::now();
  if (now - used_ > kMaxIdle) {
    socket_ = Socket::connect(port_);
    received_.clear();
  }
  used_ = now;
}

std::string Api::request(std::string_view method, const std::string& target, const std::string& body) {
  std::string text = std::string(method) + " " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\n";
  if (!body.empty()) {
    text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  }
  connect();
  socket_.send(text + "\r\n" + body);
  const std::string head = read_http_head(socket_, received_);
  const std::size_t length = content_length(head);
  std::array<char, 4096> piece;
  while (received_.size() < length) {
    const auto received = socket_.receive(piece);
    if (received.closed) throw std::runtime_error("the API closed the connection in its answer to " + target);
    received_.append(piece.data(), received.size);
  }
  std::string answer = received_.substr(0, length);
  received_.erase(0, length);
  if (!head.starts_with("HTTP/1.1 200")) {
    throw std::runtime_error(target + " answered " + head.substr(0, head.find('\r')) + ": " + answer);
  }
  return answer;
}

bool wait_until(const std::function<bool()>& condition, std::chrono::seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
  return true;
}

}  // namespace tap::bench
