// SPDX-License-Identifier: MIT
#include "tap/firehose/session.hpp"

#include "tap/async/event.hpp"
#include "tap/base/log.hpp"
#include "tap/base/text.hpp"

#include "firehose/lag.hpp"
#include "firehose/reconnect.hpp"

#include <optional>
#include <string_view>

namespace tap::firehose {
namespace {

constexpr log::Logger kLog("firehose");
constexpr std::string_view kCursorKind = "firehose";
constexpr std::size_t kToleratedBelowCursor = 1'000;
/// One refusal of a cursor may be that of a relay that lags behind, or is about to be put right. So many in a row, a
/// minute apart, are not.
constexpr unsigned kLastWord = 3;
constexpr std::chrono::seconds kLagInterval{1};  // to read the time of every event would cost

/// Empty when it is none.
std::optional<std::int64_t> read_cursor(std::string_view text) {
  const auto cursor = parse_decimal<std::int64_t>(text);
  return cursor && *cursor > 0 ? cursor : std::nullopt;
}

class RelaySession final : public Session {
 public:
  RelaySession(net::WsConnector& connector, Processor& processor, Recheck& recheck, store::Writer& writer,
               store::Reader& reader, const Clock& clock, Jitter& jitter, metrics::Registry& metrics,
               SessionOptions options)
      : connector_(connector),
        processor_(processor),
        recheck_(recheck),
        writer_(writer),
        reader_(reader),
        clock_(clock),
        jitter_(jitter),
        options_(std::move(options)),
        reconnect_(options_.reconnect),
        received_(metrics.counter("tap_firehose_events_received_total", "Frames received from the relay")),
        frames_(metrics.counter("indigo_repo_stream_events_received_total", "Frames received from the relay",
                                {{"remote_addr", options_.relay.authority()}})),
        bytes_(metrics.counter("indigo_repo_stream_bytes_total", "Bytes of frames received from the relay",
                               {{"remote_addr", options_.relay.authority()}})),
        reconnects_(metrics.counter("tap_firehose_reconnects_total", "Connections to the relay that ended")),
        out_of_order_(metrics.counter("tap_firehose_out_of_order_total", "Frames whose seq did not grow")),
        outdated_(metrics.counter("tap_firehose_outdated_cursor_total", "Times that the relay had forgotten events")),
        resets_(metrics.counter("tap_firehose_cursor_resets_total",
                                "Times that the stream began anew because the relay did not know the cursor")),
        last_seq_(metrics.gauge("tap_firehose_last_seq", "Highest seq received")),
        saved_seq_(metrics.gauge("tap_firehose_saved_seq", "Cursor as last saved")),
        lag_(metrics, clock) {}

  Task<void> run() override {
    lag_.show();
    co_await load_cursor();
    for (;;) {
      const SteadyTime began = clock_.steady();
      const Ending ending = co_await connect_and_read();
      reconnects_.add();
      const auto lived = std::chrono::floor<std::chrono::milliseconds>(clock_.steady() - began);
      if (refusals_ >= kLastWord) co_await begin_anew();
      co_await async::sleep_for(reconnect_.pause(ending, lived) + jitter_.below(options_.reconnect.unit));
    }
  }

  Task<void> save_regularly() override {
    for (;;) {
      co_await async::sleep_for(options_.cursor_save_interval);
      if (auto saved = co_await save_cursor(); !saved) {
        kLog.warn("failed to save the cursor", {{"error", saved.error().message()}});
      }
    }
  }

  Task<void> measure_lag() override {
    for (;;) {
      lag_.ask();
      co_await async::sleep_for(kLagInterval);
    }
  }

  Task<Result<void>> save_cursor() override {
    const std::int64_t cursor = processor_.low_water().value();
    if (cursor <= 0 || cursor == saved_) co_return Result<void>{};
    co_return co_await save(cursor);
  }

  std::int64_t last_seq() const override { return live_ ? processor_.low_water().seen() : 0; }

 private:
  Task<void> load_cursor() {
    if (options_.no_replay) co_return;
    for (unsigned attempt = 0;; ++attempt) {
      auto text = co_await reader_.cursor(std::string(kCursorKind), cursor_key(options_.relay));
      if (text) {
        const auto cursor = read_cursor(*text);
        if (!cursor && !text->empty()) kLog.error("the saved cursor is unreadable: starting live", {{"cursor", *text}});
        saved_ = cursor.value_or(0);
        co_await processor_.start_at(saved_);
        co_return;
      }
      kLog.error("failed to read the cursor", {{"error", text.error().message()}});
      co_await async::sleep_for(backoff(attempt, 10, options_.reconnect.unit));
    }
  }

  Task<Result<void>> save(std::int64_t cursor) {
    store::Write write;
    write.mutations.emplace_back(
        store::SaveCursor{std::string(kCursorKind), cursor_key(options_.relay), std::to_string(cursor)});
    auto saved = co_await writer_.commit(std::move(write));
    if (saved) {
      saved_ = cursor;
      saved_seq_.set(cursor);
    }
    co_return saved;
  }

  /// A stream that began live has no cursor yet to come back to. Its first event waits until there is one, so that a
  /// crash in its first second loses nothing either.
  Task<void> anchor(ByteView first_frame) {
    const auto head = atproto::read_frame_head(first_frame);
    if (!head || head->seq <= 1) co_return;
    if (auto saved = co_await save(head->seq - 1); !saved) {
      kLog.warn("failed to save the cursor", {{"error", saved.error().message()}});
    }
  }

  Task<Ending> connect_and_read() {
    asked_from_ = processor_.low_water().value();
    last_in_connection_ = 0;
    below_cursor_ = 0;
    std::string target = "/xrpc/com.atproto.sync.subscribeRepos";
    if (asked_from_ > 0) target += "?cursor=" + std::to_string(asked_from_);
    net::Response refusal;
    auto stream =
        co_await connector_.connect(options_.relay.websocket().with_target(target), options_.websocket, &refusal);
    if (!stream) {
      kLog.warn("failed to connect to the relay",
                {{"relayUrl", options_.relay.origin()}, {"error", stream.error().message()}});
      co_return ending_of_refusal(refusal.status, refusal.header("retry-after"));
    }
    kLog.info("connected to the relay", {{"relayUrl", options_.relay.origin()}, {"cursor", asked_from_}});
    // What happened before a stream that begins live was not seen: the last one may have ended before its first event.
    // The operator who starts with --no-replay wants it so, once.
    if (asked_from_ == 0 && !std::exchange(gap_wanted_, false)) co_await close_gap();
    co_return co_await read_frames(**stream);
  }

  /// The cursor is no seq of this relay: of a sequence that it has given up, or one that a frame has made up. What came
  /// since the last true one is missed like in any stream that begins live, and all repos are checked.
  Task<void> begin_anew() {
    kLog.error("the relay does not know the cursor: going on at the live end of its stream", {{"cursor", asked_from_}});
    resets_.add();
    co_await processor_.start_at(0);
    refusals_ = 0;
  }

  /// Events are gone for good. Until that is written down nothing more is read: the cursor would pass it.
  Task<void> close_gap() {
    for (unsigned attempt = 0;; ++attempt) {
      auto begun = co_await recheck_.begin();
      if (begun) break;
      kLog.error("failed to note a gap in the stream", {{"error", begun.error().message()}});
      co_await async::sleep_for(backoff(attempt, 10, options_.reconnect.unit));
    }
    gap_ = false;
  }

  Task<Ending> read_frames(net::WsStream& stream) {
    for (;;) {
      auto frame = co_await stream.read();
      if (!frame && frame.error() == net::Errc::too_large) {
        // The connection goes on behind it. Ended, it would begin with the same message again. Its repo shows a gap at
        // the next commit.
        received_.add();
        frames_.add();
        processor_.refuse(frame.error());
        continue;
      }
      if (!frame) {
        kLog.warn("the connection to the relay ended", {{"error", frame.error().message()}});
        co_return Ending{};
      }
      received_.add();
      frames_.add();
      bytes_.add(frame->size());
      if (processor_.low_water().seen() == 0) co_await anchor(*frame);
      if (auto ending = on_frame(*frame)) co_return *ending;
      if (gap_) co_await close_gap();
      if (!processor_.has_room()) co_await processor_.wait_for_room();
    }
  }

  /// Says so when the connection is to end.
  std::optional<Ending> on_frame(ByteView frame) {
    auto head = atproto::read_frame_head(frame);
    if (!head) {
      // One frame is one message: what is wrong in it does not reach the next one (8.4 item 8).
      processor_.refuse(head.error());
      return std::nullopt;
    }
    if (head->kind == atproto::EventKind::error) return on_error(head->body);
    if (head->kind == atproto::EventKind::info) return on_info(head->body);
    if (head->seq == 0) {
      processor_.accept(*head, frame);
      return std::nullopt;
    }
    if (head->seq <= last_in_connection_) return on_repeated(head->seq);
    last_in_connection_ = head->seq;
    if (lag_.asks()) lag_.read(head->body);
    if (head->seq < asked_from_) return on_below_cursor(head->seq);
    // After a reconnect: what came before is done, or still in flight.
    if (head->seq <= processor_.low_water().seen()) return std::nullopt;
    processor_.accept(*head, frame);
    refusals_ = 0;
    live_ = true;
    last_seq_.set(head->seq);
    return std::nullopt;
  }

  /// A fault of the stream (7.4). The same event twice is harmless; going back is not.
  std::optional<Ending> on_repeated(std::int64_t seq) {
    out_of_order_.add();
    if (seq == last_in_connection_) return std::nullopt;
    kLog.warn("seq went back", {{"seq", seq}, {"lastSeq", last_in_connection_}});
    return Ending{};
  }

  /// Relays may begin a little earlier than asked. One that counts anew goes on like that: its events must not be taken
  /// for old ones until it has caught up.
  std::optional<Ending> on_below_cursor(std::int64_t seq) {
    out_of_order_.add();
    if (++below_cursor_ <= kToleratedBelowCursor) return std::nullopt;
    kLog.error("the relay's sequence lies below the cursor", {{"seq", seq}, {"cursor", asked_from_}});
    return on_refused_cursor();
  }

  std::optional<Ending> on_refused_cursor() {
    ++refusals_;
    return Ending{.patience = true, .retry_after = {}};
  }

  /// What is no error but for its head would be sent again at the same cursor, time and again.
  std::optional<Ending> on_error(ByteView body) {
    const auto error = atproto::decode_error(body);
    if (!error) {
      processor_.refuse(error.error());
      return std::nullopt;
    }
    kLog.error("the relay sent an error",
               {{"error", error->error}, {"message", error->message}, {"cursor", asked_from_}});
    return error->error == "FutureCursor" ? on_refused_cursor() : Ending{};
  }

  std::optional<Ending> on_info(ByteView body) {
    if (auto info = atproto::decode_info(body); info && info->name == "OutdatedCursor") {
      outdated_.add();
      gap_ = true;
      kLog.error("the cursor is older than the relay's window: events were lost", {{"cursor", asked_from_}});
    }
    return std::nullopt;
  }

  net::WsConnector& connector_;
  Processor& processor_;
  Recheck& recheck_;
  store::Writer& writer_;
  store::Reader& reader_;
  const Clock& clock_;
  Jitter& jitter_;
  SessionOptions options_;
  Reconnect reconnect_;
  metrics::Counter& received_;
  metrics::Counter& frames_;
  metrics::Counter& bytes_;
  metrics::Counter& reconnects_;
  metrics::Counter& out_of_order_;
  metrics::Counter& outdated_;
  metrics::Counter& resets_;
  metrics::Gauge& last_seq_;
  metrics::Gauge& saved_seq_;
  Lag lag_;
  std::int64_t saved_ = 0;
  std::int64_t asked_from_ = 0;           // the cursor of this connection; 0: none
  std::int64_t last_in_connection_ = 0;   // the last seq that it brought
  std::size_t below_cursor_ = 0;          // so many events of this connection lay below it
  unsigned refusals_ = 0;                 // of the cursor, since the last event that was taken
  bool gap_ = false;                      // events were lost, and their repos are not checked yet
  bool gap_wanted_ = options_.no_replay;  // by the operator, at the first connection
  bool live_ = false;
};

}  // namespace

std::string cursor_key(const net::Url& relay) { return relay.http().origin(); }

std::unique_ptr<Session> make_session(net::WsConnector& connector, Processor& processor, Recheck& recheck,
                                      store::Writer& writer, store::Reader& reader, const Clock& clock, Jitter& jitter,
                                      metrics::Registry& metrics, SessionOptions options) {
  return std::make_unique<RelaySession>(connector, processor, recheck, writer, reader, clock, jitter, metrics,
                                        std::move(options));
}

}  // namespace tap::firehose
