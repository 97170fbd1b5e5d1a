// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/bytes.hpp"
#include "tap/base/result.hpp"

#include <memory>

namespace tap::net {

/// Undoes gzip piece by piece. Output comes in bounded pieces, whatever the input claims.
class Inflater {
 public:
  Inflater();
  ~Inflater();
  /// Sets the input; it must stay until next() gave an empty piece.
  void feed(ByteView input);
  /// The next piece of output, empty when more input is needed; valid until the next call. bad_response on a defect.
  [[nodiscard]] Result<ByteView> next();
  /// True once the stream is complete.
  [[nodiscard]] bool finished() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tap::net
