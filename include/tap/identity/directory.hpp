// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"
#include "tap/atproto/identifiers.hpp"
#include "tap/atproto/keys.hpp"
#include "tap/base/clock.hpp"
#include "tap/base/metrics.hpp"
#include "tap/base/result.hpp"
#include "tap/net/http_client.hpp"
#include "tap/net/resolver.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tap::identity {

enum class Errc {
  unsupported_method = 1,  ///< neither did:plc nor did:web: permanent
  not_found,               ///< the directory or host does not know the DID (404, NXDOMAIN)
  tombstoned,              ///< the directory says it is gone (410)
  unavailable,             ///< no usable answer this time: retry
  bad_document,            ///< the answer is no DID document of this DID
};
[[nodiscard]] std::error_code make_error_code(Errc code);

/// What a DID document says, as far as Tap uses it (protocol 9.3). Immutable and shared.
struct Identity {
  struct Method {
    std::string id, type, controller, multibase;
  };
  struct Service {
    std::string id, type, endpoint;
  };
  atproto::Did did;
  std::optional<atproto::PublicKey> key;  ///< the signing key, when one is declared and usable
  std::string key_error;                  ///< why there is none
  std::string pds;                        ///< scheme://host[:port], or empty
  std::string declared_handle;            ///< lower case, not verified; or empty
  std::vector<std::string> also_known_as;
  std::vector<Method> methods;
  std::vector<Service> services;
};
using IdentityPtr = std::shared_ptr<const Identity>;  // shared: immutable, held by the cache and by work in flight

/// Parses a DID document; pure. The key and PDS rules of 9.3; unknown and odd parts are tolerated, `id` must equal the
/// DID.
[[nodiscard]] Result<Identity> parse_document(const atproto::Did& did, std::string_view json);
/// The reconstructed document of GET /resolve (9.7).
[[nodiscard]] std::string render_document(const Identity& identity);

/// Resolves DIDs, with a bounded LRU cache; at most one fetch per DID is in flight, and everybody waits for that one.
/// Loop thread only.
class Directory {
 public:
  virtual ~Directory() = default;
  /// From the cache when fresh (24 h, errors 2 min), or fetched. Never touches handles. Fast path of every commit.
  [[nodiscard]] virtual Task<Result<IdentityPtr>> lookup(atproto::Did did) = 0;
  /// Fetched anew; joins only a fetch that began after this call's purge (8.4 item 71). Refreshes of one DID are
  /// limited to one in `refresh_interval`; sooner, the cached one is the answer.
  [[nodiscard]] virtual Task<Result<IdentityPtr>> refresh(atproto::Did did) = 0;
  /// Forgets what is cached; a fetch in flight does not enter the cache.
  virtual void purge(const atproto::Did& did) = 0;
  /// The cached identity without any wait; null when there is none.
  [[nodiscard]] virtual IdentityPtr cached(const atproto::Did& did) = 0;
  /// The verified handle of an identity (9.4, 9.5): the declared one when it resolves back to the DID, "handle.invalid"
  /// when it surely does not, and an empty optional on transient trouble: the caller keeps the last good one.
  [[nodiscard]] virtual Task<std::optional<std::string>> verified_handle(IdentityPtr identity) = 0;
};

struct DirectoryOptions {
  net::Url plc_url;
  std::size_t cache_size = 2'000'000;
  std::chrono::milliseconds timeout{10'000};
  std::chrono::seconds ttl{24 * 3600};
  std::chrono::seconds error_ttl{120};
  std::chrono::milliseconds refresh_interval{5'000};
  std::size_t max_document = 1 << 20;
  bool allow_private_hosts = false;  ///< did:web on localhost and with ports, for tests
};
[[nodiscard]] std::unique_ptr<Directory> make_directory(Executor loop, net::HttpClient& http, net::Resolver& resolver,
                                                        const Clock& clock, metrics::Registry& metrics,
                                                        DirectoryOptions options);

}  // namespace tap::identity

template <>
struct std::is_error_code_enum<tap::identity::Errc> : std::true_type {};
