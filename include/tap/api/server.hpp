// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"
#include "tap/base/clock.hpp"
#include "tap/base/metrics.hpp"
#include "tap/base/result.hpp"
#include "tap/deliver/channel.hpp"
#include "tap/identity/directory.hpp"
#include "tap/ledger/ledger.hpp"
#include "tap/outbox/outbox.hpp"
#include "tap/repos/table.hpp"
#include "tap/resync/resyncer.hpp"
#include "tap/store/writer.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <system_error>

namespace tap::api {

enum class Errc {
  bad_address = 1,  ///< the bind address cannot be read or resolved
  bind_failed,      ///< somebody else has it, or it is not ours
  connection_lost,  ///< the client went away within a request
};
[[nodiscard]] std::error_code make_error_code(Errc code);

struct ServerOptions {
  std::string bind = ":2480";       ///< host:port, the host empty for every address; port 0 picks one
  std::string admin_password = {};  ///< empty: no authentication (protocol 11.1)
  std::size_t max_body = 8 << 20;
  std::size_t max_header = 64 << 10;
  std::size_t max_held = 64 << 20;  ///< by all requests together, while they are read and answered; more are refused
  std::size_t max_connections = 1'000;
  /// Requests that ask the database or the directory, at once: when those do not answer, /health and what stands in
  /// memory still do. Others wait for request_timeout, and are refused then.
  std::size_t max_asking = 100;
  std::chrono::milliseconds request_timeout{30'000};  ///< to read one request, body included
  std::chrono::milliseconds answer_timeout{60'000};   ///< to do what it asks for; then 503, and it goes on
  std::chrono::milliseconds idle_timeout{120'000};    ///< between two requests of a connection
  bool webhook_mode = false;                          ///< events go to a webhook: /channel is refused
};

/// What the endpoints ask and steer. `resyncer` may be null (outbox-only mode).
struct ServerParts {
  Executor loop;
  repos::Table& table;
  ledger::Ledger& ledger;
  store::Reader& reader;
  store::Writer& writer;  ///< of dead letters
  identity::Directory& directory;
  outbox::Outbox& outbox;
  deliver::ChannelHub& channel;
  resync::Resyncer* resyncer;
  std::function<std::int64_t()> firehose_seq;                    ///< of /stats/cursors
  std::function<Task<Result<std::string>>()> list_repos_cursor;  ///< of /stats/cursors
  metrics::Registry& metrics;
};

/// The HTTP API of protocol 11.1, exact in bodies, headers and errors; writes the access log of 11.10. Loop thread
/// only.
class Server {
 public:
  virtual ~Server() = default;
  /// Binds; the error names the address. Once, before run().
  [[nodiscard]] virtual Result<void> listen() = 0;
  /// The port bound.
  [[nodiscard]] virtual std::uint16_t port() const = 0;
  /// Accepts and serves until cancelled; then open connections are cut.
  [[nodiscard]] virtual Task<void> run() = 0;
  /// Accepts no more, lets requests under way finish for at most `limit`, then cuts the rest.
  [[nodiscard]] virtual Task<void> stop(std::chrono::milliseconds limit) = 0;
};

[[nodiscard]] std::unique_ptr<Server> make_server(ServerParts parts, ServerOptions options);

}  // namespace tap::api

template <>
struct std::is_error_code_enum<tap::api::Errc> : std::true_type {};
