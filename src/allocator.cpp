// SPDX-License-Identifier: MIT

/// What jemalloc reads when the program starts; MALLOC_CONF in the environment goes before it. Few arenas, for few
/// threads allocate at once, and what is free goes back to the system soon, by a thread of its own:
/// an idle Tap is small again.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "narenas:2,background_thread:true,dirty_decay_ms:100,muzzy_decay_ms:0";
}
