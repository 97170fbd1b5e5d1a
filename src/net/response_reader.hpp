// SPDX-License-Identifier: MIT
#pragma once

#include "tap/net/http_client.hpp"

#include "net/connection.hpp"

#include <boost/beast/http/parser.hpp>

#include <memory>
#include <optional>

namespace tap::net {

/// A Beast body that keeps nothing: it points at the piece that the parser has just passed.
struct PieceBody {
  using value_type = ByteView;
  class reader {
   public:
    template <bool isRequest, class Fields>
    reader(boost::beast::http::header<isRequest, Fields>&, value_type& piece) : piece_(piece) {}
    void init(const boost::optional<std::uint64_t>&, boost::system::error_code& error) { error = {}; }
    std::size_t put(boost::asio::const_buffer piece, boost::system::error_code& error) {
      error = {};
      piece_ = {static_cast<const std::uint8_t*>(piece.data()), piece.size()};
      return piece.size();
    }
    void finish(boost::system::error_code& error) { error = {}; }

   private:
    value_type& piece_;
  };
};

/// Reads one answer off a connection, the body in the pieces that the network brings: memory is one fixed buffer of 64
/// KiB, however long the body. Each wait for the peer ends with Errc::idle after `idle`.
class ResponseReader {
 public:
  ResponseReader(Connection& connection, std::chrono::milliseconds idle);

  /// Status and headers; interim answers (1xx but 101) are passed over. too_large above 32 KiB of headers.
  /// `bodiless`: it answers a HEAD.
  [[nodiscard]] Task<Result<Response>> read_head(bool bodiless);
  /// The next piece of the body: all that has come, valid until the next call; empty at the end. A body that ends early
  /// is cut. Chunks are joined: a PDS sends a repo as a million of them.
  [[nodiscard]] Task<Result<ByteView>> read_piece();

  /// Whether the peer has said anything yet.
  [[nodiscard]] bool heard() const { return heard_; }
  /// Whether the connection can serve another request: the body is complete, nothing follows, the peer keeps it open.
  [[nodiscard]] bool is_reusable() const;
  /// What the head says about the body's length, if anything.
  [[nodiscard]] std::optional<std::uint64_t> length() const;
  /// What came behind the head: of an upgraded connection, the first bytes of the other protocol.
  [[nodiscard]] ByteView rest() const { return {buffer_.get() + begin_, end_ - begin_}; }

 private:
  using Parser = boost::beast::http::parser<false, PieceBody>;
  void start(bool bodiless);
  [[nodiscard]] Result<bool> parse();
  [[nodiscard]] Task<Result<void>> fill();
  Connection& connection_;
  std::chrono::milliseconds idle_;
  std::optional<Parser> parser_;
  std::unique_ptr<std::uint8_t[]> buffer_;  // not cleared: most answers are small
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool heard_ = false;
};

}  // namespace tap::net
