// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"
#include "tap/base/result.hpp"
#include "tap/net/error.hpp"

#include <boost/asio/ip/address.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace tap::net {

/// DNS over UDP (TCP when truncated) by the servers of /etc/resolv.conf, after /etc/hosts; both files are read again
/// when they change. Own stub resolver, because getaddrinfo can be neither cancelled nor asked for TXT. Every question
/// has a deadline. Loop thread only.
class Resolver {
 public:
  virtual ~Resolver() = default;
  /// A and AAAA records; a literal address is itself. not_found on NXDOMAIN or no record, resolve_failed on anything
  /// that may pass.
  [[nodiscard]] virtual Task<Result<std::vector<boost::asio::ip::address>>> addresses(std::string host) = 0;
  /// The TXT records, the strings of each joined. not_found as above.
  [[nodiscard]] virtual Task<Result<std::vector<std::string>>> txt(std::string name) = 0;
};

struct ResolverOptions {
  std::string resolv_conf = "/etc/resolv.conf";
  std::string hosts = "/etc/hosts";
  std::uint16_t port = 53;  ///< of the servers; tests use another
  std::chrono::milliseconds attempt_timeout{2'000};
  int attempts = 2;  ///< per server
};
[[nodiscard]] std::unique_ptr<Resolver> make_resolver(Executor loop, ResolverOptions options = {});

}  // namespace tap::net
