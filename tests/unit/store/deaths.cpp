// SPDX-License-Identifier: MIT
#include "unit/store/deaths.hpp"

#include <sqlite3.h>

#include <csignal>
#include <new>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

bool counts_messages = false;

ssize_t count_pwrite(int file, const void* bytes, std::size_t size, off_t at) {
  tap::store::deaths().reach();
  return ::pwrite(file, bytes, size, at);
}
int count_ftruncate(int file, off_t size) {
  tap::store::deaths().reach();
  return ::ftruncate(file, size);
}
int count_unlink(const char* path) {
  tap::store::deaths().reach();
  return ::unlink(path);
}

}  // namespace

/// In the place of the C library's, also for libpq, which sends everything by it.
extern "C" ssize_t send(int socket, const void* bytes, std::size_t size, int flags) {
  if (counts_messages) tap::store::deaths().reach();
  return ::sendto(socket, bytes, size, flags, nullptr, 0);
}

namespace tap::store {

void Deaths::reach() {
  if (++points == die_at) ::kill(::getpid(), SIGKILL);
}

Deaths& deaths() {
  static Deaths* const shared = [] {
    void* memory = ::mmap(nullptr, sizeof(Deaths), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    return new (memory) Deaths;
  }();
  return *shared;
}

bool dies_at(std::size_t k, const std::function<void()>& work) {
  deaths() = {.points = 0, .die_at = k, .steps = 0};
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return true;
  if (status != 0) throw std::runtime_error("the child failed");
  return false;
}

void die_between_writes() {
  sqlite3_vfs* files = sqlite3_vfs_find(nullptr);
  files->xSetSystemCall(files, "pwrite", reinterpret_cast<sqlite3_syscall_ptr>(count_pwrite));
  files->xSetSystemCall(files, "pwrite64", reinterpret_cast<sqlite3_syscall_ptr>(count_pwrite));
  files->xSetSystemCall(files, "ftruncate", reinterpret_cast<sqlite3_syscall_ptr>(count_ftruncate));
  files->xSetSystemCall(files, "unlink", reinterpret_cast<sqlite3_syscall_ptr>(count_unlink));
  counts_messages = true;
}

}  // namespace tap::store
