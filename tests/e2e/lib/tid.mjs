// SPDX-License-Identifier: MIT
const alphabet = '234567abcdefghijklmnopqrstuvwxyz'
let last = 0n

// A TID of now; each is greater than the one before.
export function tid() {
  const now = BigInt(Date.now()) * 1000n
  last = now > last ? now : last + 1n
  let value = (last << 10n) | 7n
  let text = ''
  for (let i = 0; i < 13; i++) {
    text = alphabet[Number(value & 31n)] + text
    value >>= 5n
  }
  return text
}
