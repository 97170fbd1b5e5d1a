// SPDX-License-Identifier: MIT
// Answers of a peer: head, body and end are the same in whatever pieces they come. The first byte chooses the pieces,
// the lowest bit of the second whether a HEAD was asked.
#include "fuzz/fuzz.hpp"
#include "net/response_reader.hpp"
#include "support/loop.hpp"

#include <algorithm>
#include <string>

using namespace tap;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kMostPiece = 64 << 10;

/// A peer that says these bytes and ends.
class Script final : public net::Connection {
 public:
  Script(ByteView bytes, std::size_t piece) : rest_(bytes), piece_(piece) {}
  Task<Result<std::size_t>> read_some(std::span<std::uint8_t> into) override {
    fuzz::require(!into.empty());
    const ByteView part = rest_.take(std::min(piece_, into.size()));
    std::ranges::copy(part, into.begin());
    co_return part.size();
  }
  Task<Result<void>> write(ByteView) override { co_return Result<void>{}; }
  void write(ByteView, std::function<void(bool)> done) override { done(true); }
  void close() override {}
  bool is_quiet() override { return rest_.empty(); }

 private:
  fuzz::Input rest_;
  std::size_t piece_;
};

struct Outcome {
  int status = 0;
  std::map<std::string, std::string> headers = {};
  std::string body = {};  ///< empty when it does not end well
  std::error_code error = {};
  bool operator==(const Outcome&) const = default;
};

Task<Outcome> read_answer(ByteView bytes, std::size_t piece, bool bodiless) {
  Script peer(bytes, piece);
  net::ResponseReader reader(peer, milliseconds(10'000));
  auto head = co_await reader.read_head(bodiless);
  if (!head) co_return Outcome{.error = head.error().code()};
  Outcome outcome{.status = head->status, .headers = std::move(head->headers)};
  fuzz::require(outcome.status >= 200 || outcome.status == 101);
  std::string body;
  for (;;) {
    const auto part = co_await reader.read_piece();
    if (!part) {
      outcome.error = part.error().code();
      co_return outcome;
    }
    if (part->empty()) break;
    fuzz::require(part->size() <= kMostPiece);
    body += as_text(*part);
  }
  if (bodiless) fuzz::require(body.empty());
  if (const auto length = reader.length();
      length && !bodiless && outcome.status >= 200 && outcome.status != 204 && outcome.status != 304) {
    fuzz::require(body.size() == *length);
  }
  if (reader.is_reusable()) fuzz::require(reader.rest().empty());
  outcome.body = std::move(body);
  co_return outcome;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input({data, size});
  const std::size_t piece = 1 + input.byte();
  const bool bodiless = (input.byte() & 1) != 0;
  const ByteView bytes = input.rest();
  test::Loop loop;
  const Outcome whole = loop.run(read_answer(bytes, kMostPiece, bodiless));
  const Outcome pieces = loop.run(read_answer(bytes, piece, bodiless));
  // Why an answer is none depends on how much of it is there at once: nothing else does.
  fuzz::require(whole == pieces || (whole.error && pieces.error));
  return 0;
}
