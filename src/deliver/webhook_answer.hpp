// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace tap::deliver {

enum class Verdict : std::uint8_t {
  taken,    ///< 2xx
  refused,  ///< the receiver says that the event is at fault
  tripped,  ///< it does not say so, but another was taken
  failed,   ///< the receiver is at fault: the event is tried again, and it never counts against it
};

/// What an answer means. `took_others`: the receiver has taken another event since this one was tried before.
///
/// 400, 413, 415 and 422 speak of the body. A 500 is what a receiver says whose code trips over an event, and also when
/// all of it is broken: it counts once others get through. Whatever speaks of the address, the credentials, the load or
/// a gateway (401, 403, 404, 410, 429, 502, 503, redirects) would meet every event alike.
[[nodiscard]] constexpr Verdict judge(int status, bool took_others) {
  if (status >= 200 && status < 300) return Verdict::taken;
  if (status == 400 || status == 413 || status == 415 || status == 422) return Verdict::refused;
  if (status == 500 && took_others) return Verdict::tripped;
  return Verdict::failed;
}

}  // namespace tap::deliver
