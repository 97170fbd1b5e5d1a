// SPDX-License-Identifier: MIT
#include "support/net/relay_server.hpp"

#include "tap/async/event.hpp"

#include "support/net/ws_wire.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace tap::test {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
/// A write gathers this much at most, so that a cut or an error does not wait behind a long log.
constexpr std::size_t kMaxWrite = 256 << 10;

std::string accept_key(const std::string& key) {
  const std::string text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  std::array<unsigned char, 32> encoded;
  const int length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(size));
  return {reinterpret_cast<const char*>(encoded.data()), static_cast<std::size_t>(length)};
}

void append_cbor_text(std::string& out, const std::string& text) {
  if (text.size() < 24) {
    out += static_cast<char>(0x60 | text.size());
  } else {
    out += '\x78';
    out += static_cast<char>(std::min<std::size_t>(text.size(), 255));
  }
  out += text.substr(0, 255);
}

std::string message_frame(const std::string& header, const char* first_key, const std::string& name,
                          const std::string& message) {
  std::string frame = header + '\xa2';
  for (const auto& text : {std::string(first_key), name, std::string("message"), message})
    append_cbor_text(frame, text);
  return server_frame(2, as_bytes(frame));
}

std::string error_frame(const std::string& name, const std::string& message) {
  return message_frame("\xa1\x62op\x20", "error", name, message);
}

std::string info_frame(const std::string& name, const std::string& message) {
  return message_frame("\xa2\x61t\x65#info\x62op\x01", "name", name, message);
}

std::string close_frame(std::uint16_t code, const std::string& reason) {
  std::string payload = {static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  return server_frame(8, as_bytes(payload + reason));
}

}  // namespace

/// One subscriber. `position` is the seq that it has been sent up to.
struct RelayServer::Session {
  explicit Session(Executor executor) : wake(std::move(executor)) {}
  std::int64_t position = 0;
  std::size_t bulk_left = 0;
  std::string urgent;  // before the rest of the log
  bool close_after = false;
  bool silent = false;
  bool ended = false;
  tcp::socket* socket = nullptr;
  async::Event wake;
};

RelayServer::RelayServer() : server_([this](const HttpRequest& request) { return on_request(request); }) {}

void RelayServer::push(std::int64_t seq, ByteView frame) {
  server_.thread().call([&] {
    log_.push_back({seq, server_frame(2, frame)});
    for (Session* session : sessions_) session->wake.notify_all();
  });
}

void RelayServer::push_all(const std::vector<std::pair<std::int64_t, Bytes>>& frames) {
  server_.thread().call([&] {
    for (const auto& [seq, frame] : frames) log_.push_back({seq, server_frame(2, frame)});
    for (Session* session : sessions_) session->wake.notify_all();
  });
}

void RelayServer::forget(std::int64_t up_to) {
  server_.thread().call([&] {
    forgotten_ = up_to;
    while (!log_.empty() && log_.front().seq <= up_to) log_.pop_front();
  });
}

/// Behind the log as it is now: whoever has not had all of it gets it first.
void RelayServer::send_now(const std::string& bytes, bool then_close) {
  server_.thread().call([&] {
    for (Session* session : sessions_) {
      std::string all;
      for (std::string output = next_output(*session); !output.empty(); output = next_output(*session)) all += output;
      session->urgent = all + bytes;
      session->close_after = then_close;
      session->wake.notify_all();
    }
  });
}

void RelayServer::send_error(const std::string& name, const std::string& message) {
  send_now(error_frame(name, message) + close_frame(1008, name), true);
}
void RelayServer::send_raw(const std::string& bytes) { send_now(bytes, false); }

void RelayServer::cut_in_frame(ByteView frame) {
  const std::string whole = server_frame(2, frame);
  send_now(whole.substr(0, whole.size() / 2), true);
}

void RelayServer::close_all(std::uint16_t code, const std::string& reason) {
  send_now(close_frame(code, reason), true);
}

void RelayServer::serve_bulk(std::shared_ptr<const std::string> frames, std::size_t times) {
  server_.thread().call([&] {
    bulk_ = std::move(frames);
    bulk_times_ = times;
  });
}

void RelayServer::cut() {
  server_.thread().call([this] {
    for (Session* session : sessions_) {
      session->ended = true;
      reset(*session->socket);
      session->wake.notify_all();
    }
  });
}

void RelayServer::refuse(int status, net::Headers headers, std::size_t times) {
  server_.thread().call([&] {
    refusals_.insert(refusals_.end(), times, Reply{.status = status, .headers = headers, .body = "refused"});
  });
}

void RelayServer::stall(bool on) {
  server_.thread().call([&] { stalling_ = on; });
}

void RelayServer::hold(bool on) {
  server_.thread().call([&] {
    holding_ = on;
    for (Session* session : sessions_) session->wake.notify_all();
  });
}

void RelayServer::trickle(std::size_t bytes, std::chrono::milliseconds pause) {
  server_.thread().call([&] {
    piece_ = bytes;
    pause_ = pause;
  });
}

void RelayServer::set_activity(std::function<bool(const std::string& did)> is_active) {
  server_.thread().call([&] { is_active_ = std::move(is_active); });
}

void RelayServer::set_repos(std::vector<Repo> repos) {
  server_.thread().call([&] { repos_ = std::move(repos); });
}
void RelayServer::set_page_size(std::size_t size) {
  server_.thread().call([&] { page_size_ = size; });
}
void RelayServer::refuse_listing(Reply reply, std::size_t times) {
  server_.thread().call([&] { listing_refusals_.insert(listing_refusals_.end(), times, reply); });
}

std::vector<std::optional<std::int64_t>> RelayServer::cursors() {
  return server_.thread().call([this] { return cursors_; });
}
std::size_t RelayServer::subscribers() {
  return server_.thread().call([this] { return sessions_.size(); });
}
std::size_t RelayServer::pings() {
  return server_.thread().call([this] { return pings_; });
}
std::size_t RelayServer::pongs() {
  return server_.thread().call([this] { return pongs_; });
}
std::size_t RelayServer::listings() {
  return server_.thread().call([this] { return listings_; });
}
bool RelayServer::wait_for_subscriptions(std::size_t count) {
  return server_.thread().wait_until([this, count] { return cursors_.size() >= count; });
}
bool RelayServer::wait_for_subscribers(std::size_t count) {
  return server_.thread().wait_until([this, count] { return sessions_.size() == count; });
}
bool RelayServer::wait_for_pings(std::size_t count) {
  return server_.thread().wait_until([this, count] { return pings_ >= count; });
}
bool RelayServer::wait_for_pongs(std::size_t count) {
  return server_.thread().wait_until([this, count] { return pongs_ >= count; });
}

Reply RelayServer::on_request(const HttpRequest& request) {
  if (request.path == "/xrpc/com.atproto.sync.subscribeRepos") return on_subscribe(request);
  if (request.path == "/xrpc/com.atproto.sync.listRepos") return on_list(request);
  if (request.path == "/xrpc/com.atproto.sync.listReposByCollection") return on_list(request);
  if (is_active_ && request.path == "/xrpc/com.atproto.sync.getRepoStatus") {
    const bool active = is_active_(request.query.at("did"));
    return {.headers = {{"Content-Type", "application/json"}}, .body = nlohmann::json{{"active", active}}.dump()};
  }
  return xrpc_error(404, "MethodNotImplemented");
}

Reply RelayServer::on_subscribe(const HttpRequest& request) {
  std::optional<std::int64_t> cursor;
  if (const auto given = request.query.find("cursor"); given != request.query.end()) {
    cursor.emplace();
    std::from_chars(given->second.data(), given->second.data() + given->second.size(), *cursor);
  }
  cursors_.push_back(cursor);
  server_.thread().changed();
  if (!refusals_.empty()) {
    const Reply refusal = refusals_.front();
    refusals_.pop_front();
    return refusal;
  }
  const auto session = std::make_shared<Session>(server_.thread().executor());
  const std::int64_t newest = log_.empty() ? forgotten_ : log_.back().seq;
  session->position = cursor.value_or(newest);
  session->silent = stalling_;
  session->bulk_left = bulk_ ? bulk_times_ : 0;
  session->urgent =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
      accept_key(request.header("sec-websocket-key")) + "\r\n\r\n";
  if (cursor && !bulk_ && *cursor > newest) {
    session->urgent += error_frame("FutureCursor", "Cursor in the future.") + close_frame(1008, "FutureCursor");
    session->close_after = true;
  } else if (cursor && *cursor < forgotten_) {
    session->urgent += info_frame("OutdatedCursor", "Requested cursor exceeded limit.");
  }
  Reply reply;
  reply.takeover = [this, session](std::shared_ptr<tcp::socket> socket) { return serve(std::move(socket), session); };
  return reply;
}

/// The cursor is the index of the next repo: clients must treat it as opaque anyway.
Reply RelayServer::on_list(const HttpRequest& request) {
  ++listings_;
  server_.thread().changed();
  if (!listing_refusals_.empty()) {
    const Reply refusal = listing_refusals_.front();
    listing_refusals_.pop_front();
    return refusal;
  }
  const auto given = request.query.find("cursor");
  std::size_t at = given == request.query.end() ? 0 : std::stoul(given->second);
  const auto collection = request.query.find("collection");
  nlohmann::json repos = nlohmann::json::array();
  for (const std::size_t end = std::min(repos_.size(), at + page_size_); at < end; ++at) {
    const Repo& repo = repos_[at];
    if (collection != request.query.end()) {
      const bool has = std::ranges::find(repo.collections, collection->second) != repo.collections.end();
      if (has) repos.push_back({{"did", repo.did}});
      continue;
    }
    nlohmann::json entry = {{"did", repo.did}, {"head", "bafy"}, {"rev", repo.rev}, {"active", repo.active}};
    if (!repo.status.empty()) entry["status"] = repo.status;
    repos.push_back(std::move(entry));
  }
  nlohmann::json page = {{"repos", std::move(repos)}};
  if (at < repos_.size()) page["cursor"] = std::to_string(at);
  return {.headers = {{"Content-Type", "application/json"}}, .body = page.dump()};
}

Task<void> RelayServer::serve(std::shared_ptr<tcp::socket> socket, std::shared_ptr<Session> session) {
  session->socket = socket.get();
  struct Subscribed {
    RelayServer& relay;
    Session& session;
    std::list<Session*>::iterator place;
    ~Subscribed() {
      session.ended = true;
      relay.sessions_.erase(place);
      session.wake.notify_all();
      relay.server_.thread().changed();
    }
  } subscribed{*this, *session, sessions_.insert(sessions_.end(), session.get())};
  server_.thread().changed();
  server_.thread().spawn("reader", read_frames(socket, session));
  co_await send_all(*socket, *session);
  boost::system::error_code ignored;
  socket->shutdown(tcp::socket::shutdown_send, ignored);
}

std::string RelayServer::next_output(Session& session) {
  if (!session.urgent.empty()) return std::exchange(session.urgent, {});
  if (session.silent || holding_ || session.close_after || session.bulk_left > 0) return {};
  std::string output;
  auto next = std::ranges::upper_bound(log_, session.position, {}, &Entry::seq);
  for (; next != log_.end() && output.size() < kMaxWrite; ++next) {
    output += next->frame;
    session.position = next->seq;
  }
  return output;
}

/// False when the client is gone.
Task<bool> RelayServer::send(tcp::socket& socket, std::string output) {
  for (std::size_t at = 0; at < output.size();) {
    const std::size_t size = piece_ == 0 ? output.size() - at : std::min(piece_, output.size() - at);
    const auto [error, sent] = co_await asio::async_write(socket, asio::buffer(output.data() + at, size), kAsTuple);
    if (error) co_return false;
    at += size;
    if (piece_ != 0 && pause_.count() > 0) co_await async::sleep_for(pause_);
  }
  co_return true;
}

Task<void> RelayServer::send_all(tcp::socket& socket, Session& session) {
  while (!session.ended) {
    std::string output = next_output(session);
    if (!output.empty()) {
      const bool sent = co_await send(socket, std::move(output));
      if (!sent) co_return;
    } else if (session.close_after) {
      co_return;
    } else if (session.bulk_left > 0 && !session.silent) {
      --session.bulk_left;
      const auto bulk = bulk_;
      const auto [error, size] = co_await asio::async_write(socket, asio::buffer(*bulk), kAsTuple);
      if (error) co_return;
    } else {
      co_await session.wake.wait();
    }
  }
}

/// Until the client closes, one way or the other.
Task<void> RelayServer::read_frames(std::shared_ptr<tcp::socket> socket, std::shared_ptr<Session> session) {
  std::array<std::uint8_t, 6> header;  // clients of this server send control frames only: two bytes and the mask
  std::array<std::uint8_t, 125> payload;
  for (;;) {
    const auto [error, size] = co_await asio::async_read(*socket, asio::buffer(header), kAsTuple);
    const std::size_t length = header[1] & 0x7f;
    if (error || length > payload.size() || (header[1] & 0x80) == 0) break;
    const auto [torn, got] = co_await asio::async_read(*socket, asio::buffer(payload.data(), length), kAsTuple);
    if (torn) break;
    for (std::size_t i = 0; i < length; ++i) payload[i] ^= header[2 + i % 4];
    const int opcode = header[0] & 0x0f;
    if (opcode == 8) break;
    if (opcode == 9) ++pings_;
    if (opcode == 10) ++pongs_;
    if (opcode == 9 && !session->silent) session->urgent += server_frame(10, ByteView(payload).first(length));
    session->wake.notify_all();
    server_.thread().changed();
  }
  session->ended = true;
  session->wake.notify_all();
}

}  // namespace tap::test
