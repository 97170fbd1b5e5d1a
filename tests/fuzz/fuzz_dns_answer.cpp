// SPDX-License-Identifier: MIT
// Answers of the DNS: any bytes are read or refused; what was encoded as RFC 1035 says is read as it was meant. The
// first byte chooses, and how many records there are.
#include "fuzz/fuzz.hpp"
#include "net/dns_answer.hpp"

#include <string>
#include <vector>

using namespace tap;

namespace {

void append(std::string& out, std::initializer_list<int> bytes) {
  for (const int byte : bytes) out += static_cast<char>(byte);
}

/// A message without a question; each record holds one text, in two strings.
std::string encoded(const std::vector<std::string>& texts) {
  std::string out;
  append(out, {0, 1, 0x84, 0, 0, 0, 0, static_cast<int>(texts.size()), 0, 0, 0, 0});
  for (const std::string& text : texts) {
    const std::size_t first = text.size() / 2;
    append(out, {1, 'a', 0, 0, 16, 0, 1, 0, 0, 0, 60, 0, static_cast<int>(text.size() + 2), static_cast<int>(first)});
    out += text.substr(0, first);
    append(out, {static_cast<int>(text.size() - first)});
    out += text.substr(first);
  }
  return out;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kLongest = 200;
  fuzz::Input input({data, size});
  const std::uint8_t choice = input.byte();
  if (choice >= 128) {
    const ByteView message = input.rest();
    std::size_t total = 0;
    if (const auto texts = net::read_texts(message)) {
      for (const std::string& text : *texts) total += text.size();
    }
    fuzz::require(total <= message.size());
    return 0;
  }
  std::vector<std::string> texts(choice % 8);
  for (std::string& text : texts) text = input.text().substr(0, kLongest);
  fuzz::require(net::read_texts(as_bytes(encoded(texts))) == texts);
  return 0;
}
