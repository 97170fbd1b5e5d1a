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
#include <string_view>

namespace tap::identity {

enum class Errc {
  unsupported_method = 1,  ///< neither did:plc nor did:web: permanent
  not_found,               ///< the directory or host does not know the DID (404, NXDOMAIN)
  tombstoned,              ///< the directory says it is gone (410)
  unavailable,             ///< no usable answer this time: retry
  bad_document,            ///< the answer is no DID document of this DID
};
[[nodiscard]] std::error_code make_error_code(Errc code);

/// What a DID document says, as far as Tap uses it (protocol 9.3). Immutable and shared; kept small, because millions
/// of them are cached.
struct Identity {
  atproto::Did did;
  std::optional<atproto::PublicKey> key;  ///< the signing key, when one is declared and usable
  std::string key_error;                  ///< why there is none
  std::string pds;                        ///< scheme://host[:port], or empty
  std::string declared_handle;            ///< lower case, not verified; or empty
  /// The reconstructed document (9.7), when it says more than the fields above; empty in the usual case.
  std::string unusual_document;
};
using IdentityPtr = std::shared_ptr<const Identity>;  // shared: immutable, held by the cache and by work in flight

/// Parses a DID document; pure. The key and PDS rules of 9.3; unknown and odd parts are tolerated (8.4 item 72), `id`
/// must equal the DID: bad_document otherwise.
[[nodiscard]] Result<Identity> parse_document(const atproto::Did& did, std::string_view json);
/// The reconstructed document of GET /resolve (9.7): what parse_document() understood, in the document's order.
[[nodiscard]] std::string render_document(const Identity& identity);

/// Resolves DIDs, with a bounded LRU cache; at most one fetch per DID is in flight, and everybody waits for that one.
/// Fetches are bounded in number; the look-up of a handle never delays that of a key. Every wait ends by a deadline.
/// Cancellable. Loop thread only.
class Directory {
 public:
  virtual ~Directory() = default;
  /// From the cache when fresh, or fetched. Never touches handles. Fast path of every commit.
  [[nodiscard]] virtual Task<Result<IdentityPtr>> lookup(atproto::Did did) = 0;
  /// Fetched anew; joins only a fetch that began after this call (8.4 item 71). When the directory gives no answer,
  /// what was cached stays. A refresh is repeated only after `refresh_interval`: sooner, the answer is what it brought.
  [[nodiscard]] virtual Task<Result<IdentityPtr>> refresh(atproto::Did did) = 0;
  /// Forgets what is cached; a fetch in flight does not enter the cache and is not joined any more.
  virtual void purge(const atproto::Did& did) = 0;
  /// The cached identity without any wait; null when there is none.
  [[nodiscard]] virtual IdentityPtr cached(const atproto::Did& did) = 0;
  /// Its document is being fetched, or waits for its turn: whoever needs more than what is cached waits as well.
  [[nodiscard]] virtual bool is_asking(const atproto::Did& did) const = 0;
  /// The verified handle of an identity (9.4, 9.5): the declared one when it resolves back to the DID, "handle.invalid"
  /// when it surely does not, and an empty optional on transient trouble: the caller keeps the last good one.
  [[nodiscard]] virtual Task<std::optional<std::string>> verified_handle(IdentityPtr identity) = 0;
};

struct DirectoryOptions {
  net::Url plc_url;
  std::size_t cache_size = 2'000'000;                ///< identities; one with a long document counts as several
  std::chrono::milliseconds timeout{10'000};         ///< of each request and TXT look-up, and of the wait for its turn
  std::chrono::seconds ttl{24 * 3600};               ///< of an identity
  std::chrono::seconds error_ttl{120};               ///< of a sure "no"
  std::chrono::milliseconds unavailable_ttl{5'000};  ///< of no answer: spares a directory in trouble, and the retry
  std::chrono::milliseconds refresh_interval{5'000};
  std::size_t max_document = 1 << 20;
  std::size_t plc_fetches = 64;      ///< at once
  std::size_t web_fetches = 64;      ///< at once, of did:web documents
  std::size_t handle_lookups = 32;   ///< at once
  bool allow_private_hosts = false;  ///< did:web on localhost and with ports, for tests
};
[[nodiscard]] std::unique_ptr<Directory> make_directory(Executor loop, net::HttpClient& http, net::Resolver& resolver,
                                                        const Clock& clock, metrics::Registry& metrics,
                                                        DirectoryOptions options);

}  // namespace tap::identity

template <>
struct std::is_error_code_enum<tap::identity::Errc> : std::true_type {};
