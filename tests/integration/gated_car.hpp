// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/bytes.hpp"

#include <chrono>
#include <functional>
#include <future>
#include <string>

namespace tap::test {

/// A CAR whose second half comes when it is let go. Until then it keeps its server from all else.
class GatedCar {
 public:
  explicit GatedCar(ByteView car) : car_(as_text(car)) {}
  void let_go() { opened_.set_value(); }
  [[nodiscard]] std::function<std::string()> source() const {
    return [car = car_, gate = gate_, part = 0]() mutable -> std::string {
      const std::size_t half = car.size() / 2;
      if (part == 1) gate.wait_for(std::chrono::seconds(15));
      return part == 2 ? std::string() : part++ == 0 ? car.substr(0, half) : car.substr(half);
    };
  }

 private:
  std::string car_;
  std::promise<void> opened_;
  std::shared_future<void> gate_ = opened_.get_future().share();
};

}  // namespace tap::test
