// SPDX-License-Identifier: MIT
#pragma once

#include <pthread.h>

namespace tap {

/// What `top -H` shows for it: at most 15 characters. The loop keeps the name of the process.
inline void name_this_thread(const char* name) { ::pthread_setname_np(::pthread_self(), name); }

}  // namespace tap
