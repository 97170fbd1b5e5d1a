// SPDX-License-Identifier: MIT
// In any pieces, the same comes out; and what was packed comes out as it was. The first byte chooses the pieces, the
// lowest bit of the second whether the rest is to be packed first.
#include "fuzz/fuzz.hpp"
#include "net/inflater.hpp"

#include <zlib.h>

#include <optional>

using namespace tap;

namespace {

constexpr std::size_t kMostPiece = 64 << 10;

Bytes pack(ByteView plain) {
  z_stream stream{};
  fuzz::require(deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes out(deflateBound(&stream, plain.size()));
  stream.next_in = const_cast<Bytef*>(plain.data());
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  fuzz::require(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

struct Outcome {
  bool good = true;
  bool finished = false;
  std::string plain;
  bool operator==(const Outcome&) const = default;
};

Outcome unpack(ByteView packed, std::size_t piece) {
  net::Inflater inflater;
  Outcome outcome;
  for (fuzz::Input rest(packed); !rest.empty();) {
    inflater.feed(rest.take(piece));
    for (;;) {
      const auto part = inflater.next();
      if (!part) return {.good = false, .finished = false, .plain = {}};
      if (part->empty()) break;
      fuzz::require(part->size() <= kMostPiece);
      outcome.plain += as_text(*part);
    }
  }
  outcome.finished = inflater.finished();
  return outcome;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input({data, size});
  const std::size_t piece = 1 + input.byte();
  const bool is_plain = (input.byte() & 1) != 0;
  const ByteView rest = input.rest();
  const Bytes packed = is_plain ? pack(rest) : Bytes(rest.begin(), rest.end());
  const Outcome whole = unpack(packed, packed.size());
  fuzz::require(unpack(packed, piece) == whole);
  if (is_plain) fuzz::require(whole.good && whole.finished && whole.plain == as_text(rest));
  return 0;
}
