// SPDX-License-Identifier: MIT
#include "tap/net/resolver.hpp"

#include "tap/async/event.hpp"
#include "tap/base/bytes.hpp"

#include "net/dns_answer.hpp"
#include "net/lookup_threads.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <netdb.h>
#include <netinet/in.h>
#include <optional>
#include <resolv.h>
#include <span>

namespace tap::net {
namespace {

namespace asio = boost::asio;
namespace ip = asio::ip;
using Addresses = std::vector<ip::address>;
using Texts = std::vector<std::string>;

constexpr std::size_t kMaxName = 253;  // as text (RFC 1035)
constexpr std::size_t kMaxAnswer = 65'535;
constexpr std::chrono::seconds kGoodbye{1};  // how long the end of the process waits for look-ups under way

ip::address address_of(const sockaddr& address) {
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &address, sizeof v6);
    ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return ip::address_v6(bytes, v6.sin6_scope_id);
  }
  sockaddr_in v4;
  std::memcpy(&v4, &address, sizeof v4);
  return ip::address_v4(ntohl(v4.sin_addr.s_addr));
}

/// How long to ask, and for a test whom.
void configure(struct __res_state& state, const ResolverOptions& options) {
  state.retrans = static_cast<int>(options.attempt_timeout.count());
  state.retry = options.attempts;
  if (options.port == 0) return;
  state.nscount = 1;
  state.nsaddr_list[0] = {AF_INET, htons(options.port), {htonl(INADDR_LOOPBACK)}, {}};
}

/// The system's own look-up: /etc/hosts, resolv.conf with its timeouts, and whatever nsswitch names.
Result<Addresses> look_up_addresses(const std::string& host, const ResolverOptions& options) {
  if (options.port != 0) {
    // The state of this thread, which getaddrinfo leaves as it is once it was changed. What the last look-up has
    // allocated in it would be lost.
    if ((_res.options & RES_INIT) != 0) ::res_nclose(&_res);
    if (::res_ninit(&_res) == 0) configure(_res, options);
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int status = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (status == EAI_NONAME || status == EAI_NODATA) return fail(Errc::not_found, host);
  if (status != 0) return fail(Errc::resolve_failed, host + ": " + ::gai_strerror(status));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  Addresses addresses;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    if (at->ai_family == AF_INET || at->ai_family == AF_INET6) addresses.push_back(address_of(*at->ai_addr));
  }
  if (addresses.empty()) return fail(Errc::not_found, host);
  return addresses;
}

/// Gives the length of the answer.
Result<std::size_t> ask_for_txt(struct __res_state& state, const std::string& name, std::span<std::uint8_t> answer) {
  const int size =
      ::res_nquery(&state, name.c_str(), ns_c_in, ns_t_txt, answer.data(), static_cast<int>(answer.size()));
  if (size >= 0) return std::min(static_cast<std::size_t>(size), answer.size());
  // A server may cut off all that there is.
  constexpr std::uint8_t kCutOff = 0x02;
  const bool is_empty = state.res_h_errno == NO_DATA && (answer[2] & kCutOff) == 0;
  const bool absent = state.res_h_errno == HOST_NOT_FOUND || is_empty;
  return fail(absent ? Errc::not_found : Errc::resolve_failed, name);
}

/// One query with a resolver state of its own: resolv.conf is read anew each time, as a long-lived process needs.
/// Over TCP glibc waits without an end. So what does not fit a datagram, of up to 1,200 bytes as it announces (EDNS0),
/// is cut off, and no answer. The last attempt is one for servers that do not know EDNS0.
Result<Texts> look_up_txt(const std::string& name, const ResolverOptions& options) {
  struct __res_state state{};
  if (::res_ninit(&state) != 0) return fail(Errc::resolve_failed, "cannot read resolv.conf");
  const std::unique_ptr<struct __res_state, void (*)(struct __res_state*)> owner(&state,
                                                                                 [](auto* s) { ::res_nclose(s); });
  configure(state, options);
  Bytes answer(kMaxAnswer);
  state.retry = std::max(1, options.attempts - 1);
  state.options |= RES_IGNTC | RES_USE_EDNS0;
  auto size = ask_for_txt(state, name, answer);
  if (!size && size.error() == Errc::resolve_failed && options.attempts > 1) {
    state.retry = 1;
    state.options &= ~static_cast<unsigned long>(RES_USE_EDNS0);
    size = ask_for_txt(state, name, answer);
  }
  if (!size) return std::unexpected(size.error());
  auto texts = read_texts(ByteView(answer).first(*size));
  if (texts && texts->empty()) return fail(Errc::not_found, name);
  return texts;
}

/// What a look-up and its caller share: the caller may be gone when the answer comes.
template <class T>
struct Call {
  async::Event answered;
  std::optional<Result<T>> answer;
};

/// Look-ups that were asked for and have not come back, whether or not anybody waits for them.
class Open {
 public:
  explicit Open(metrics::Gauge* gauge) : gauge_(gauge) {}
  [[nodiscard]] std::size_t count() const { return count_; }
  void add(int change) {
    count_ += static_cast<std::size_t>(change);
    if (gauge_ != nullptr) gauge_->add(change);
  }

 private:
  std::size_t count_ = 0;
  metrics::Gauge* gauge_;
};

/// The threads of one kind of look-up.
class Pool {
 public:
  Pool(Executor loop, std::size_t threads, std::size_t max_queued, metrics::Registry* metrics, const char* name)
      : loop_(std::move(loop)),
        capacity_(threads + max_queued),
        open_(std::make_shared<Open>(metrics == nullptr ? nullptr : &metrics->queue(name, capacity_))),
        threads_(threads) {}

  template <class T>
  Task<Result<T>> run(std::function<Result<T>()> look_up) {
    if (open_->count() >= capacity_) co_return fail(Errc::resolve_failed, "too many look-ups");
    auto call = std::make_shared<Call<T>>(async::Event(loop_));
    open_->add(1);
    threads_.submit([loop = loop_, open = open_, caller = std::weak_ptr(call), look_up = std::move(look_up)] {
      // Whoever has given up while queued costs no look-up.
      Result<T> answer = caller.expired() ? fail(Errc::timed_out) : look_up();
      return [loop, open, caller, answer = std::move(answer)] {
        asio::post(loop, [open, caller, answer] {
          open->add(-1);
          const auto waiting = caller.lock();
          if (!waiting) return;
          waiting->answer = answer;
          waiting->answered.notify_all();
        });
      };
    });
    while (!call->answer) co_await call->answered.wait();
    co_return std::move(*call->answer);
  }
  void close() { threads_.close(); }
  void leave(LookupThreads::Clock::time_point deadline) { threads_.leave(deadline); }

 private:
  Executor loop_;
  std::size_t capacity_;
  std::shared_ptr<Open> open_;  // shared with answers on their way; loop only
  LookupThreads threads_;
};

class SystemResolver final : public Resolver {
 public:
  SystemResolver(Executor loop, ResolverOptions options, metrics::Registry* metrics)
      : options_(options),
        operators_(loop, options.operator_threads, options.max_queued, metrics, "names_operators"),
        pds_(loop, options.pds_threads, options.max_queued, metrics, "names_pds"),
        did_web_(loop, options.did_web_threads, options.max_queued, metrics, "names_did_web"),
        handles_(loop, options.handle_threads, options.max_queued, metrics, "names_handles"),
        txt_(std::move(loop), options.txt_threads, options.max_queued, metrics, "names_txt") {}
  ~SystemResolver() override {
    const auto deadline = LookupThreads::Clock::now() + kGoodbye;
    const std::array pools = {&operators_, &pds_, &did_web_, &handles_, &txt_};
    for (Pool* pool : pools) pool->close();  // so that all of them end at the same time
    for (Pool* pool : pools) pool->leave(deadline);
  }

  Task<Result<Addresses>> addresses(std::string host, Names whose) override {
    boost::system::error_code not_literal;
    const auto literal = ip::make_address(host, not_literal);
    if (!not_literal) co_return Addresses{literal};
    co_return co_await pool_of(whose).run<Addresses>(
        [host = std::move(host), options = options_] { return look_up_addresses(host, options); });
  }

  Task<Result<Texts>> txt(std::string name) override {
    if (name.size() > kMaxName) co_return fail(Errc::not_found, "a name too long to exist");
    co_return co_await txt_.run<Texts>(
        [name = std::move(name), options = options_] { return look_up_txt(name, options); });
  }

 private:
  Pool& pool_of(Names whose) {
    switch (whose) {
      case Names::operators:
        return operators_;
      case Names::pds:
        return pds_;
      case Names::did_web:
        return did_web_;
      case Names::handles:
        return handles_;
    }
    std::abort();  // the enum is closed
  }

  ResolverOptions options_;
  Pool operators_, pds_, did_web_, handles_;  // addresses
  Pool txt_;
};

}  // namespace

std::unique_ptr<Resolver> make_resolver(Executor loop, ResolverOptions options, metrics::Registry* metrics) {
  return std::make_unique<SystemResolver>(std::move(loop), options, metrics);
}

}  // namespace tap::net
