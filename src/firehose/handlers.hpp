// SPDX-License-Identifier: MIT
#pragma once

#include "tap/firehose/processor.hpp"
#include "tap/verify/commit.hpp"
#include "tap/verify/decide.hpp"

#include "firehose/clock_doubt.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace tap::firehose {

/// A tracked event on its way through its lane.
struct RoutedEvent {
  atproto::EventKind kind{};
  std::int64_t seq = 0;
  std::string did;
  Bytes body;
};

/// How often and how long an event has been tried.
struct Attempt {
  unsigned number = 0;                 // from 0
  std::chrono::milliseconds waited{};  // since its first
};

enum class Effect : std::uint8_t { none, durable };

/// One handler per kind of event (protocol 8.1, 8.2), for the holder of the DID's turn. An error means local trouble:
/// nothing happened, try again.
class Handlers {
 public:
  Handlers(const ProcessorParts& parts, verify::Filter filter, std::chrono::milliseconds directory_patience);
  /// An identity that cannot be had is local trouble for a while: for `directory_patience`, or, of a did:web, for one
  /// attempt. Then the repo is marked instead, and the cursor may go on.
  [[nodiscard]] Task<Result<Effect>> handle(const RoutedEvent& event, const Attempt& attempt);
  /// Whether a #commit or #sync is authentic and consistent in itself, be its repo tracked or not. One attempt.
  [[nodiscard]] Task<Result<void>> vouch(const RoutedEvent& event);
  /// Trouble on our side or in passing: nothing is learned about the repo (8.1, failure class d).
  [[nodiscard]] bool worth_waiting(const RoutedEvent& event, const Attempt& attempt, const Error& error) const;
  /// Events of this repo were dropped: it will be fetched.
  [[nodiscard]] Task<Result<Effect>> on_overflow(const RoutedEvent& event);

 private:
  using RepoId = repos::RepoId;

  /// A #commit or a #sync: both say where the repo stands. `Rules` is where they differ.
  template <class Rules>
  [[nodiscard]] Task<Result<Effect>> on_state(RepoId id, const RoutedEvent& event, const Attempt& attempt, Rules rules);
  template <class Rules, class Message>
  [[nodiscard]] Task<Result<Effect>> on_rev(RepoId id, const RoutedEvent& event, const Attempt& attempt, Rules rules,
                                            const Message& message, atproto::Tid rev);
  [[nodiscard]] Task<Result<Effect>> on_identity(RepoId id, const RoutedEvent& event);
  [[nodiscard]] Task<Result<Effect>> on_account(RepoId id, const RoutedEvent& event);

  template <class Rules>
  [[nodiscard]] Task<Result<void>> vouch_by(const RoutedEvent& event, Rules rules);

  template <class Rules, class Message>
  using Checked =
      decltype(std::declval<Rules>().check(std::declval<const Message&>(), std::declval<const atproto::PublicKey&>()));
  /// Checks it on the pool with the current key; when the key does not do, once more with a fresh one (8.4 item 18).
  /// The message's views point into the event, and both stay where they are meanwhile: the pool's work is waited for.
  template <class Rules, class Message>
  [[nodiscard]] auto check_with_key(const RoutedEvent& event, Rules rules, const Message& message)
      -> Task<Checked<Rules, Message>>;

  /// What an event that could not be verified means: try again, or the repo may be ahead of us (8.1, failure class a).
  [[nodiscard]] Task<Result<Effect>> on_unverified(RepoId id, const RoutedEvent& event, const Attempt& attempt,
                                                   Error why);
  [[nodiscard]] Task<Result<Effect>> distrust(RepoId id, const RoutedEvent& event, const Error& why);
  /// The repo is not what we hold: it will be fetched.
  [[nodiscard]] Task<Result<Effect>> mark(RepoId id, const RoutedEvent& event, const Error& why);
  /// To be fetched, or being fetched.
  [[nodiscard]] bool is_awaited(RepoId id) const;
  /// Such a repo must not come out of that older than this.
  void note_rev(RepoId id, std::optional<atproto::Tid> rev);
  /// When it is not one account that dates its commits ahead, but many, it is we who are behind.
  void warn_of_clock(RepoId id, atproto::Tid rev);
  [[nodiscard]] Task<Result<Effect>> keep_for_resync(RepoId id, atproto::Tid rev, const RoutedEvent& event);

  ProcessorParts parts_;
  verify::Filter filter_;
  std::chrono::milliseconds directory_patience_;
  ClockDoubt clock_doubt_;
  metrics::Counter& invalid_;
  metrics::Counter& ahead_;
  metrics::Counter& desynchronized_;
};

}  // namespace tap::firehose
