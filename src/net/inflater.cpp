// SPDX-License-Identifier: MIT
#include "net/inflater.hpp"

#include "tap/net/error.hpp"

#include <zlib.h>

#include <array>
#include <new>

namespace tap::net {

struct Inflater::State {
  z_stream stream{};
  std::array<std::uint8_t, 64 << 10> output;
  bool finished = false;
};

Inflater::Inflater() : state_(std::make_unique<State>()) {
  constexpr int kGzip = 15 + 16;  // the largest window, gzip wrapping
  if (inflateInit2(&state_->stream, kGzip) != Z_OK) throw std::bad_alloc();
}

Inflater::~Inflater() { inflateEnd(&state_->stream); }

void Inflater::feed(ByteView input) {
  state_->stream.next_in = const_cast<Bytef*>(input.data());
  state_->stream.avail_in = static_cast<uInt>(input.size());
}

Result<ByteView> Inflater::next() {
  z_stream& stream = state_->stream;
  stream.next_out = state_->output.data();
  stream.avail_out = static_cast<uInt>(state_->output.size());
  if (!state_->finished) {
    const int status = inflate(&stream, Z_NO_FLUSH);
    if (status == Z_STREAM_END) state_->finished = true;
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
      return fail(Errc::bad_response, "bad gzip data");
    }
  }
  const ByteView piece = ByteView(state_->output).first(state_->output.size() - stream.avail_out);
  if (state_->finished && piece.empty() && stream.avail_in > 0) {
    return fail(Errc::bad_response, "bytes behind the gzip stream");
  }
  return piece;
}

bool Inflater::finished() const { return state_->finished; }

}  // namespace tap::net
