// SPDX-License-Identifier: MIT
#include "bench/firehose.hpp"

#include "support/net/ws_wire.hpp"

#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/socket.h>
#include <system_error>

namespace tap::bench {
namespace {

constexpr std::size_t kWrite = 256 << 10;
constexpr auto kClientLimit = std::chrono::seconds(30);

/// The answer to a client's key (RFC 6455 4.2.2).
std::string accept_key(const std::string& head) {
  constexpr std::string_view kName = "Sec-WebSocket-Key: ";
  const std::size_t at = head.find(kName);
  if (at == std::string::npos) return {};
  const std::size_t begin = at + kName.size();
  const std::string text = head.substr(begin, head.find('\r', begin) - begin) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  std::array<unsigned char, 32> encoded;
  const int length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(size));
  return {reinterpret_cast<const char*>(encoded.data()), static_cast<std::size_t>(length)};
}

/// Takes the client's frames off `received`, all of them control frames; true when one of them was a ping.
bool take_pings(std::string& received) {
  constexpr std::size_t kHead = 6;  // with the mask
  bool pinged = false;
  while (received.size() >= kHead) {
    const std::size_t size = kHead + (static_cast<unsigned char>(received[1]) & 0x7f);
    if (received.size() < size) break;
    pinged |= (received[0] & 0x0f) == 9;
    received.erase(0, size);
  }
  return pinged;
}

}  // namespace

Firehose::Firehose() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_.descriptor(), generic, size) != 0 || ::listen(listener_.descriptor(), 4) != 0 ||
      ::getsockname(listener_.descriptor(), generic, &size) != 0) {
    throw std::system_error(errno, std::generic_category(), "bind");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

Firehose::~Firehose() {
  stopping_ = true;
  listener_.shut_down();
  {
    const std::lock_guard lock(mutex_);
    if (client_ != nullptr) client_->shut_down();
  }
  thread_.join();
}

void Firehose::wait_for_client() {
  std::unique_lock lock(mutex_);
  if (!arrived_.wait_for(lock, kClientLimit, [this] { return client_ != nullptr; })) {
    throw std::runtime_error("nobody subscribed to the firehose");
  }
}

void Firehose::serve() {
  while (!stopping_) {
    Socket client(::accept4(listener_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client) continue;
    try {
      serve_client(std::move(client));
    } catch (const std::exception&) {
      continue;  // it went away; the sender notices by itself
    }
  }
}

void Firehose::serve_client(Socket client) {
  const int on = 1;
  ::setsockopt(client.descriptor(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  std::string received;
  const std::string head = read_http_head(client, received);
  client.send(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
      accept_key(head) + "\r\n\r\n");
  struct Present {
    Firehose& owner;
    Present(Firehose& firehose, Socket& socket) : owner(firehose) { set(&socket); }
    ~Present() { set(nullptr); }
    void set(Socket* socket) const {
      const std::lock_guard lock(owner.mutex_);
      owner.client_ = socket;
      owner.arrived_.notify_all();
    }
  } present(*this, client);

  std::array<char, 4096> piece;
  while (!stopping_) {
    if (take_pings(received)) write(test::server_frame(10, {}));
    const auto got = client.receive(piece);
    if (got.closed) return;
    received.append(piece.data(), got.size);
  }
}

void Firehose::write(std::string_view frames) {
  const std::lock_guard lock(mutex_);
  if (client_ == nullptr) throw std::runtime_error("the subscriber left the firehose");
  client_->send(frames);
}

void Firehose::send(FrameBatch& batch, std::size_t times) {
  for (; times > 0; --times) {
    next_seq_ = batch.stamp(next_seq_);
    for (std::size_t at = 0; at < batch.size();) {
      const auto piece = batch.piece(at, kWrite);
      write(piece.wire);
      at = piece.next;
    }
  }
}

std::vector<Firehose::Time> Firehose::send_paced(FrameBatch& batch, double frames_per_second) {
  using Clock = std::chrono::steady_clock;
  next_seq_ = batch.stamp(next_seq_);
  std::vector<Time> sent;
  sent.reserve(batch.size());
  const auto begin = Clock::now();
  for (std::size_t at = 0; at < batch.size(); ++at) {
    const std::chrono::duration<double> due(static_cast<double>(at) / frames_per_second);
    std::this_thread::sleep_until(begin + std::chrono::duration_cast<Clock::duration>(due));
    sent.push_back(Clock::now());
    write(batch.piece(at, 1).wire);
  }
  return sent;
}

}  // namespace tap::bench
