// SPDX-License-Identifier: MIT
// Requests of the API: the same come out of any pieces, within the limits. The first byte chooses the pieces. What has
// been read as a request is one to the channel, too.
#include "api/request_reader.hpp"
#include "deliver/handshake.hpp"
#include "fuzz/fuzz.hpp"

#include <algorithm>
#include <ranges>
#include <string>
#include <vector>

using namespace tap;
using api::RequestReader;
using Progress = RequestReader::Progress;

namespace {

constexpr std::size_t kMaxHeader = 400;
constexpr std::size_t kMaxBody = 100;

void check(const api::Request& request) {
  fuzz::require(request.body.size() <= kMaxBody && request.target.size() <= kMaxHeader);
  fuzz::require(request.has_body || request.body.empty());
  fuzz::require(request.content_length == 0 || request.body.size() == request.content_length);
  fuzz::require(request.target.contains(request.path()));
  if (const auto value = request.parameter("cursor")) fuzz::require(value->size() < request.target.size());
}

std::string describe(const api::Request& request) {
  std::string text = request.keep_alive ? "kept" : "last";
  for (const std::string& part : {request.method, request.target, request.host, request.user_agent, request.request_id,
                                  request.content_type, request.authorization, request.body}) {
    text += '\n' + std::to_string(part.size()) + ' ' + part;
  }
  return text;
}

struct Outcome {
  std::vector<std::string> requests;
  unsigned failure = 0;
  bool waits = false;  ///< for more of what has begun
};

Outcome read_all(ByteView bytes, std::size_t piece) {
  RequestReader reader(kMaxHeader, kMaxBody);
  Outcome outcome;
  for (fuzz::Input rest(bytes); !rest.empty();) {
    reader.received(as_text(rest.take(piece)));
    while (reader.has_bytes()) {
      const Progress progress = reader.advance();
      if (progress == Progress::failed) {
        outcome.failure = reader.failure().status;
        return outcome;
      }
      if (progress != Progress::done) break;
      const api::Request request = reader.take();
      check(request);
      outcome.requests.push_back(describe(request));
    }
  }
  outcome.waits = reader.has_bytes();
  return outcome;
}

/// The channel gets the bytes of a request that the API has read.
void hand_over(ByteView bytes) {
  RequestReader reader(kMaxHeader, kMaxBody);
  reader.received(as_text(bytes));
  if (reader.advance() != Progress::done) return;
  const api::Request request = reader.take();
  const std::string raw = reader.take_raw();
  if (!request.has_body) fuzz::require(raw == as_text(bytes));
  const auto handshake = deliver::shake_hands(raw);
  fuzz::require(handshake.reason != "no request head");
  fuzz::require(handshake.accepted ? request.method == "GET" : !handshake.reason.empty());
  if (handshake.accepted) fuzz::require(raw.substr(0, handshake.head).ends_with("\r\n\r\n"));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input({data, size});
  const std::size_t piece = 1 + input.byte();
  const ByteView bytes = input.rest();
  const Outcome whole = read_all(bytes, bytes.size());
  const Outcome pieces = read_all(bytes, piece);
  fuzz::require(std::ranges::equal(pieces.requests | std::views::take(whole.requests.size()),
                                   whole.requests | std::views::take(pieces.requests.size())));
  // A head is judged when it is complete, or at once; and what stands between chunks is measured when it is incomplete.
  // Beast counts the size of a chunk again with each piece, as long as a quoted string behind it has no end.
  const bool is_measured = pieces.failure == 431 || (pieces.failure == 413 && whole.waits);
  if (whole.failure == 0 && !is_measured) fuzz::require(pieces.failure == 0);
  if (whole.failure == 0 && pieces.failure == 0) fuzz::require(pieces.requests.size() == whole.requests.size());
  hand_over(bytes);
  return 0;
}
