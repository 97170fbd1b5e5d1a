// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"
#include "tap/base/metrics.hpp"
#include "tap/base/result.hpp"
#include "tap/net/error.hpp"

#include <boost/asio/ip/address.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tap::net {

/// Whose names are looked up. Names of strangers may hang, as many as they like; so each kind has threads of its own,
/// and holds up nobody but itself.
enum class Names : std::uint8_t {
  operators,  ///< relay, directory, webhook: what the operator has configured
  pds,        ///< hosts of repos
  did_web,    ///< hosts of identities
  handles,    ///< hosts of /.well-known/atproto-did
};

/// The system's name look-ups (/etc/hosts, /etc/resolv.conf), on threads of their own. Loop thread only.
/// A look-up cannot be stopped, but its caller can leave: a cancelled wait ends at once, and the look-up holds one
/// thread until its own timeouts: seconds, but for addresses over TCP, where there are none. With all threads of its
/// kind held, later ones queue; with the queue full they are resolve_failed. TXT records are a kind of their own.
/// Destruction forgets the queue and waits for look-ups under way, but a second at most: their threads stay behind.
class Resolver {
 public:
  virtual ~Resolver() = default;
  /// A and AAAA records; a literal address is itself. not_found on NXDOMAIN or no record, resolve_failed on anything
  /// that may pass.
  [[nodiscard]] virtual Task<Result<std::vector<boost::asio::ip::address>>> addresses(std::string host,
                                                                                      Names whose) = 0;
  /// The TXT records, the strings of each joined. not_found as above. Datagrams only: an answer of more than 1,200
  /// bytes is resolve_failed.
  [[nodiscard]] virtual Task<Result<std::vector<std::string>>> txt(std::string name) = 0;
};

struct ResolverOptions {
  std::chrono::seconds attempt_timeout{2};  ///< of a TXT query
  int attempts = 2;                         ///< per server; the last of several without EDNS0
  std::size_t operator_threads = 8;
  std::size_t pds_threads = 64;  ///< more than a resync lets hosts hold that have not answered yet (resync::Hosts)
  std::size_t did_web_threads = 16;
  std::size_t handle_threads = 8;
  std::size_t txt_threads = 8;
  std::size_t max_queued = 4096;  ///< of each kind
  std::uint16_t port = 0;         ///< of a server on 127.0.0.1 to ask instead of the system's, for tests; 0: none
};
/// With `metrics`, the look-ups of each kind that wait or are under way are queues: names_operators, names_pds,
/// names_did_web, names_handles, names_txt.
[[nodiscard]] std::unique_ptr<Resolver> make_resolver(Executor loop, ResolverOptions options = {},
                                                      metrics::Registry* metrics = nullptr);

}  // namespace tap::net
