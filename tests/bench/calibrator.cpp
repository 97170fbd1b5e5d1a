// SPDX-License-Identifier: MIT
#include "bench/calibrator.hpp"

#include <secp256k1.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>
#include <stdexcept>

namespace tap::bench {

double thread_cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double measure_verification() {
  constexpr int kAtOnce = 100;
  const std::unique_ptr<secp256k1_context, decltype(&secp256k1_context_destroy)> context(
      secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY), &secp256k1_context_destroy);
  std::array<unsigned char, 32> secret, message;
  secret.fill(7);
  message.fill(9);
  secp256k1_pubkey key;
  secp256k1_ecdsa_signature signature;
  if (secp256k1_ec_pubkey_create(context.get(), &key, secret.data()) != 1 ||
      secp256k1_ecdsa_sign(context.get(), &signature, message.data(), secret.data(), nullptr, nullptr) != 1) {
    throw std::logic_error("libsecp256k1 does not sign");
  }
  std::array<double, 31> samples;
  for (double& sample : samples) {
    const double begin = thread_cpu_seconds();
    for (int i = 0; i < kAtOnce; ++i) {
      if (secp256k1_ecdsa_verify(context.get(), &signature, message.data(), &key) != 1) {
        throw std::logic_error("libsecp256k1 does not verify");
      }
    }
    sample = (thread_cpu_seconds() - begin) / kAtOnce;
  }
  // The median: neither a cold cache nor a neighbour's burst counts.
  std::ranges::nth_element(samples, samples.begin() + samples.size() / 2);
  return samples[samples.size() / 2];
}

}  // namespace tap::bench
