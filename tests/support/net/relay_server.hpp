// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/bytes.hpp"

#include "support/net/http_server.hpp"

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tap::test {

/// A relay: subscribeRepos with a log that is replayed behind the cursor and then live; listRepos and
/// listReposByCollection with paging. It sends as fast as the client reads. Safe to call from any thread.
class RelayServer {
 public:
  struct Repo {
    std::string did;
    std::string rev = "3kaaaaaaaaaaa";
    bool active = true;
    std::string status = {};
    std::vector<std::string> collections = {};
  };

  RelayServer();

  /// http://127.0.0.1:port
  [[nodiscard]] std::string url() const { return server_.url(); }
  [[nodiscard]] HttpServer& server() { return server_; }

  // What it sends.
  /// Appends to the log; seqs must grow.
  void push(std::int64_t seq, ByteView frame);
  void push_all(const std::vector<std::pair<std::int64_t, Bytes>>& frames);
  /// Forgets all up to this seq: an older cursor gets #info OutdatedCursor first.
  void forget(std::int64_t up_to);
  /// The #error frame (op -1), then a close frame, to everyone. A cursor above the log gets FutureCursor by itself.
  void send_error(const std::string& name, const std::string& message);
  /// Bytes as they are, to everyone, behind what was pushed before.
  void send_raw(const std::string& bytes);
  /// For benchmarks: every new connection is sent this buffer of frames (see server_frame) as it is, so many times
  /// over, before anything else; cursors are not looked at.
  void serve_bulk(std::shared_ptr<const std::string> frames, std::size_t times);

  // What goes wrong.
  /// All connections are reset, now; what is on its way is lost.
  void cut();
  /// All connections end with the first half of this frame.
  void cut_in_frame(ByteView frame);
  void close_all(std::uint16_t code, const std::string& reason);
  /// Answers the next `times` subscriptions with a status instead.
  void refuse(int status, net::Headers headers = {}, std::size_t times = 1);
  /// From now on new connections are accepted and get nothing, not even pongs.
  void stall(bool on);
  /// The log stands still for all connections until it may go on.
  void hold(bool on);
  /// From now on everything goes out in pieces of so many bytes with a pause behind each; 0 ends that.
  void trickle(std::size_t bytes, std::chrono::milliseconds pause);

  // listRepos.
  void set_repos(std::vector<Repo> repos);
  /// Repos a page, whatever limit was asked for.
  void set_page_size(std::size_t size);
  /// The next `times` listings are answered like this instead.
  void refuse_listing(Reply reply, std::size_t times = 1);
  /// Answers getRepoStatus, on the server's thread: whether an account is active.
  void set_activity(std::function<bool(const std::string& did)> is_active);

  // What was asked.
  /// The cursors of all subscriptions, in order; nullopt for none.
  [[nodiscard]] std::vector<std::optional<std::int64_t>> cursors();
  [[nodiscard]] std::size_t subscribers();
  [[nodiscard]] std::size_t pings();
  [[nodiscard]] std::size_t pongs();
  [[nodiscard]] std::size_t listings();
  /// Waits until so many subscriptions were made since the start, refused ones too.
  [[nodiscard]] bool wait_for_subscriptions(std::size_t count);
  [[nodiscard]] bool wait_for_subscribers(std::size_t count);
  [[nodiscard]] bool wait_for_pings(std::size_t count);
  [[nodiscard]] bool wait_for_pongs(std::size_t count);

 private:
  struct Session;
  Reply on_request(const HttpRequest& request);
  Reply on_subscribe(const HttpRequest& request);
  Reply on_list(const HttpRequest& request);
  // Writer and reader share socket and session: either may end first.
  Task<void> serve(std::shared_ptr<boost::asio::ip::tcp::socket> socket, std::shared_ptr<Session> session);
  Task<void> read_frames(std::shared_ptr<boost::asio::ip::tcp::socket> socket, std::shared_ptr<Session> session);
  Task<void> send_all(boost::asio::ip::tcp::socket& socket, Session& session);
  Task<bool> send(boost::asio::ip::tcp::socket& socket, std::string output);
  std::string next_output(Session& session);
  void send_now(const std::string& bytes, bool then_close);

  struct Entry {
    std::int64_t seq;
    std::string frame;  // with the WebSocket header
  };
  std::deque<Entry> log_;
  std::int64_t forgotten_ = 0;
  std::shared_ptr<const std::string> bulk_;  // shared: the caller may keep its hundreds of megabytes
  std::size_t bulk_times_ = 0;
  bool stalling_ = false;
  bool holding_ = false;
  std::size_t piece_ = 0;  // bytes; 0: as many as there are
  std::chrono::milliseconds pause_{0};
  std::function<bool(const std::string&)> is_active_;
  std::deque<Reply> refusals_;
  std::vector<Repo> repos_;
  std::size_t page_size_ = 1000;
  std::deque<Reply> listing_refusals_;
  std::vector<std::optional<std::int64_t>> cursors_;
  std::list<Session*> sessions_;
  std::size_t pings_ = 0;
  std::size_t pongs_ = 0;
  std::size_t listings_ = 0;
  HttpServer server_;  // last: its coroutines use all that
};

}  // namespace tap::test
