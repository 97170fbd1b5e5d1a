// SPDX-License-Identifier: MIT
// Events go to a webhook, which proves who asks and reads them by the official client's helpers: many repos at once, but
// each in order, through refusals, an answer that takes long, an outage, and a crash with requests under way.
import { Author } from '../lib/content.mjs'
import { Webhook } from '../lib/webhook.mjs'

const password = 'pässword 1'

export default {
  settings: { TAP_ADMIN_PASSWORD: password },
  async run({ world }) {
    const { network, random, tap, history } = world
    const accounts = await network.accounts(['wade', 'wilma', 'walt', 'wanda'])
    const authors = accounts.map((account) => new Author(account, random))
    for (const author of authors) await author.write(60)
    const webhook = await Webhook.start({ history, password })
    world.consumer = webhook
    tap.configure({ TAP_WEBHOOK_URL: webhook.url })
    await world.start()

    // A tenth of the first attempts fails.
    webhook.answer = (_, attempt) => (attempt === 1 && random.chance(0.1) ? 500 : 200)
    await tap.add(accounts)
    for (const author of authors) await author.write(random.between(1, 3))
    await world.settle(accounts)
    if (![...webhook.attempts.values()].includes(2)) throw new Error('nothing was tried twice')

    // One repo's answer does not come; the others go on.
    const [slow, ...others] = authors
    let release
    const released = new Promise((resolve) => (release = resolve))
    webhook.answer = ({ did }) => (did === slow.account.did ? released.then(() => 200) : 200)
    for (const author of authors) for (let i = 0; i < 3; i++) await author.write(5)
    await world.settle(
      others.map(({ account }) => account),
      { drained: false },
    )
    release()
    await world.settle(accounts)

    // It is killed while requests wait, and meets a webhook that has trouble.
    webhook.answer = () => new Promise((resolve) => setTimeout(resolve, 20, 200))
    for (const author of authors) await author.write(20)
    await world.events(random.between(1, 10))
    await tap.kill()
    webhook.inFlight.clear()
    const back = Date.now() + 500
    webhook.answer = () => (Date.now() < back ? 503 : 200)
    await tap.start()
    await world.settle(accounts)

    const channel = await tap.fetch('/channel')
    if (channel.status !== 400) throw new Error(`/channel beside a webhook: HTTP ${channel.status}`)
  },
}
