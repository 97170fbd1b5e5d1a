// SPDX-License-Identifier: MIT
// Seeded choices (mulberry32), so that a failing run can be repeated.

export class Random {
  constructor(seed) {
    this.seed = seed >>> 0
    this.state = this.seed
  }

  // [0, 1)
  next() {
    this.state = (this.state + 0x6d2b79f5) | 0
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }

  below(n) {
    return Math.floor(this.next() * n)
  }
  between(least, most) {
    return least + this.below(most - least + 1)
  }
  chance(p) {
    return this.next() < p
  }
  pick(list) {
    return list[this.below(list.length)]
  }
}
