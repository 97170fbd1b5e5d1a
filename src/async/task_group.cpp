// SPDX-License-Identifier: MIT
#include "tap/async/task_group.hpp"

#include "tap/async/event.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <cstdlib>
#include <list>
#include <vector>

namespace tap::async {
namespace {

namespace asio = boost::asio;

bool is_cancellation(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const boost::system::system_error& error) {
    return error.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

}  // namespace

struct TaskGroup::State {
  Executor executor;
  FailureHandler on_failure;
  Event emptied;
  // Shared, because cancel() walks them while children may end and leave the list.
  std::list<std::shared_ptr<asio::cancellation_signal>> children;
  std::exception_ptr failure;
  bool cancelled = false;

  State(Executor e, FailureHandler f) : executor(std::move(e)), on_failure(std::move(f)), emptied(executor) {}
};

TaskGroup::TaskGroup(Executor executor, FailureHandler on_failure)
    : state_(std::make_shared<State>(std::move(executor), std::move(on_failure))) {}

TaskGroup::~TaskGroup() {
  if (!state_->children.empty()) std::abort();  // children would outlive what they refer to
}

void TaskGroup::spawn(std::string_view name, Task<void> child) {
  if (state_->cancelled) return;
  const auto place = state_->children.insert(state_->children.end(), std::make_shared<asio::cancellation_signal>());
  const auto& signal = *place;
  asio::co_spawn(state_->executor, std::move(child),
                 asio::bind_cancellation_slot(signal->slot(),
                                              [state = state_, place, name, signal](const std::exception_ptr& failure) {
                                                state->children.erase(place);
                                                if (failure && !is_cancellation(failure)) {
                                                  if (state->on_failure) state->on_failure(name, failure);
                                                  if (!state->failure) state->failure = failure;
                                                }
                                                if (state->children.empty()) state->emptied.notify_all();
                                              }));
}

void TaskGroup::cancel() {
  state_->cancelled = true;
  const std::vector<std::shared_ptr<asio::cancellation_signal>> children(state_->children.begin(),
                                                                         state_->children.end());
  for (const auto& child : children) child->emit(asio::cancellation_type::terminal);
}

Task<void> TaskGroup::join() {
  while (!state_->children.empty()) co_await state_->emptied.wait();
  if (auto failure = std::exchange(state_->failure, nullptr)) std::rethrow_exception(failure);
}

std::size_t TaskGroup::size() const { return state_->children.size(); }

}  // namespace tap::async
