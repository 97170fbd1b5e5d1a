// SPDX-License-Identifier: MIT
#include "tap/firehose/session.hpp"

#include "tap/async/event.hpp"
#include "tap/base/log.hpp"

#include <charconv>

namespace tap::firehose {
namespace {

using namespace std::chrono_literals;
constexpr log::Logger kLog("firehose");

/// A connection that lived so long was healthy: the next one is tried at once.
constexpr auto kHealthy = 60s;
/// After an answer that asks for an operator, or for patience.
constexpr std::chrono::milliseconds kLongPause = 60s;

/// Why a connection ended.
enum class Ending : std::uint8_t { dropped, be_patient };

class RelaySession final : public Session {
 public:
  RelaySession(net::WsConnector& connector, Processor& processor, store::Writer& writer, store::Reader& reader,
               const Clock& clock, Jitter& jitter, metrics::Registry& metrics, SessionOptions options)
      : connector_(connector),
        processor_(processor),
        writer_(writer),
        reader_(reader),
        clock_(clock),
        jitter_(jitter),
        options_(std::move(options)),
        received_(metrics.counter("tap_firehose_events_received_total", "Frames received from the relay")),
        bytes_(metrics.counter("indigo_repo_stream_bytes_total", "Bytes of frames received from the relay",
                               {{"remote_addr", options_.relay.authority()}})),
        reconnects_(metrics.counter("tap_firehose_reconnects_total", "Connections to the relay that ended")),
        out_of_order_(metrics.counter("tap_firehose_out_of_order_total", "Frames whose seq did not grow")),
        last_seq_(metrics.gauge("tap_firehose_last_seq", "Highest seq received")),
        saved_seq_(metrics.gauge("tap_firehose_saved_seq", "Cursor as last saved")) {}

  Task<void> run() override {
    co_await load_cursor();
    for (unsigned attempt = 0;; ++attempt) {
      const SteadyTime began = clock_.steady();
      const Ending ending = co_await connect_and_read();
      reconnects_.add();
      if (clock_.steady() - began >= kHealthy) attempt = 0;
      const std::chrono::milliseconds pause = ending == Ending::be_patient ? kLongPause : backoff(attempt, 10, 1s);
      co_await async::sleep_for(pause + jitter_.below(1s));
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

  Task<Result<void>> save_cursor() override {
    const std::int64_t cursor = processor_.low_water().value();
    if (cursor <= 0 || cursor == saved_) co_return Result<void>{};
    store::Write write;
    write.mutations.emplace_back(store::SaveCursor{"firehose", cursor_key(options_.relay), std::to_string(cursor)});
    auto saved = co_await writer_.commit(std::move(write));
    if (saved) {
      saved_ = cursor;
      saved_seq_.set(cursor);
    }
    co_return saved;
  }

  std::int64_t last_seq() const override { return live_ ? processor_.low_water().seen() : 0; }

 private:
  Task<void> load_cursor() {
    if (options_.no_replay) co_return;
    for (unsigned attempt = 0;; ++attempt) {
      auto text = co_await reader_.cursor("firehose", cursor_key(options_.relay));
      if (text) {
        std::int64_t cursor = 0;
        std::from_chars(text->data(), text->data() + text->size(), cursor);
        processor_.start_at(cursor);
        saved_ = cursor;
        co_return;
      }
      kLog.error("failed to read the cursor", {{"error", text.error().message()}});
      co_await async::sleep_for(backoff(attempt, 10, 1s));
    }
  }

  Task<Ending> connect_and_read() {
    const std::int64_t cursor = processor_.low_water().value();
    std::string target = "/xrpc/com.atproto.sync.subscribeRepos";
    if (cursor > 0) target += "?cursor=" + std::to_string(cursor);
    net::Response refusal;
    auto stream =
        co_await connector_.connect(options_.relay.websocket().with_target(target), options_.websocket, &refusal);
    if (!stream) {
      kLog.warn("failed to connect to the relay",
                {{"relayUrl", options_.relay.origin()}, {"error", stream.error().message()}});
      const bool patience = refusal.status == 429 || refusal.status == 501;
      co_return patience ? Ending::be_patient : Ending::dropped;
    }
    kLog.info("connected to the relay", {{"relayUrl", options_.relay.origin()}, {"cursor", cursor}});
    co_return co_await read_frames(**stream);
  }

  Task<Ending> read_frames(net::WsStream& stream) {
    for (;;) {
      auto frame = co_await stream.read();
      if (!frame) {
        kLog.warn("the connection to the relay ended", {{"error", frame.error().message()}});
        co_return Ending::dropped;
      }
      received_.add();
      bytes_.add(frame->size());
      if (auto ending = on_frame(*frame)) co_return *ending;
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
    if (head->seq > 0 && head->seq <= processor_.low_water().seen()) {
      // Servers may send the cursor's own event once more; anything else is a fault of the stream (7.4).
      out_of_order_.add();
      if (head->seq >= processor_.low_water().value()) return std::nullopt;
      kLog.warn("seq went back", {{"seq", head->seq}, {"lastSeq", processor_.low_water().seen()}});
      return Ending::dropped;
    }
    processor_.accept(*head, frame);
    if (head->seq > 0) {
      live_ = true;
      last_seq_.set(head->seq);
    }
    return std::nullopt;
  }

  std::optional<Ending> on_error(ByteView body) {
    auto error = atproto::decode_error(body);
    const std::string name(error ? error->error : "unreadable");
    kLog.error("the relay sent an error", {{"error", name}, {"cursor", processor_.low_water().value()}});
    // The same cursor would only be refused again: wait for the relay to catch up, or for the operator.
    return name == "FutureCursor" ? Ending::be_patient : Ending::dropped;
  }

  std::optional<Ending> on_info(ByteView body) {
    if (auto info = atproto::decode_info(body); info && info->name == "OutdatedCursor") {
      kLog.error(
          "the cursor is older than the relay's window: events were lost, their repos are fetched again at their next "
          "commit",
          {{"cursor", processor_.low_water().value()}});
    }
    return std::nullopt;
  }

  net::WsConnector& connector_;
  Processor& processor_;
  store::Writer& writer_;
  store::Reader& reader_;
  const Clock& clock_;
  Jitter& jitter_;
  SessionOptions options_;
  metrics::Counter& received_;
  metrics::Counter& bytes_;
  metrics::Counter& reconnects_;
  metrics::Counter& out_of_order_;
  metrics::Gauge& last_seq_;
  metrics::Gauge& saved_seq_;
  std::int64_t saved_ = 0;
  bool live_ = false;
};

}  // namespace

std::string cursor_key(const net::Url& relay) {
  net::Url url = relay;
  if (url.scheme == "ws") url.scheme = "http";
  if (url.scheme == "wss") url.scheme = "https";
  return url.origin();
}

std::unique_ptr<Session> make_session(net::WsConnector& connector, Processor& processor, store::Writer& writer,
                                      store::Reader& reader, const Clock& clock, Jitter& jitter,
                                      metrics::Registry& metrics, SessionOptions options) {
  return std::make_unique<RelaySession>(connector, processor, writer, reader, clock, jitter, metrics,
                                        std::move(options));
}

}  // namespace tap::firehose
