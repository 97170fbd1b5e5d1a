// SPDX-License-Identifier: MIT
// Waiting for conditions. Nothing in these tests sleeps to let something happen: it waits until it has happened.

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

// Polls `condition` until it is truthy and returns its value. `describe` says, when the time is up, how far it came;
// `check` may throw to end the wait early.
export async function until(what, condition, { seconds = 60, everyMs = 20, check = () => {}, describe } = {}) {
  const deadline = Date.now() + seconds * 1000
  for (;;) {
    check()
    const value = await condition()
    if (value) return value
    if (Date.now() > deadline) {
      const state = describe ? `; ${await describe()}` : ''
      throw new Error(`${what}: not within ${seconds} s${state}`)
    }
    await pause(everyMs)
  }
}
