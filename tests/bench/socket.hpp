// SPDX-License-Identifier: MIT
#pragma once

#include "support/process/socket.hpp"

namespace tap::bench {

using test::read_http_head;
using test::shake_hands;
using test::Socket;

}  // namespace tap::bench
