// SPDX-License-Identifier: MIT
// Runs scenarios against a Tap binary, one after another on one network, and says at the end `N passed, N failed`.
//   main.mjs --tap BINARY [--original BINARY] [--db URL] [--client 0.2] [--seed N] [--rounds N] [--without SCENARIO]
//            [--keep] [SCENARIO...]
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { clients } from './lib/clients.mjs'
import { Databases } from './lib/databases.mjs'
import { Network } from './lib/network.mjs'
import { World } from './lib/world.mjs'

process.env.LOG_ENABLED ??= 'false' // the PDS's log

const here = import.meta.dirname
const { values: args, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tap: { type: 'string' },
    original: { type: 'string' },
    db: { type: 'string' },
    client: { type: 'string', default: '0.3' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    rounds: { type: 'string', default: '5' },
    without: { type: 'string', multiple: true, default: [] },
    keep: { type: 'boolean', default: false },
  },
})

// Scenarios run in the order of their names in this list; each is scenarios/<name>.mjs.
const all = [
  'harness',
  'full_network', // early: all accounts are its own
  'signals',
  'backfill',
  'live',
  'identity',
  'accounts',
  'keys',
  'import',
  'readd',
  'filters',
  'clients',
  'webhook',
  'fire_and_forget',
  'dead_letters',
  'no_replay',
  'outbox_only',
  'ordering',
  'consumer_cut',
  'relay_cut',
  'restart',
  'outages',
  'crash',
  'capture',
  'upgrade',
]

const databases = new Databases(args.db)

class Skipped extends Error {}
const skip = (why) => {
  throw new Skipped(why)
}

async function runScenario(name, network, dir) {
  const { default: scenario } = await import(path.join(here, 'scenarios', `${name}.mjs`))
  const world = scenario.standalone
    ? undefined
    : await World.create({
        network,
        databases,
        dir,
        binary: path.resolve(args.tap),
        seed: Number(args.seed),
        line: args.client,
        settings: scenario.settings,
      })
  const context = {
    world,
    network,
    databases,
    dir,
    binary: args.tap && path.resolve(args.tap),
    original: args.original && path.resolve(args.original),
    seed: Number(args.seed),
    rounds: Number(args.rounds),
    skip,
  }
  const limit = (scenario.seconds ?? 120) * 1000
  let timer
  try {
    await Promise.race([
      scenario.run(context),
      new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`took longer than ${limit / 1000} s`)), limit)
      }),
    ])
  } catch (error) {
    if (!(error instanceof Skipped)) error.log = world?.tap.lastLines(25)
    throw error
  } finally {
    clearTimeout(timer)
    await world?.close()
  }
}

async function main() {
  const names = (positionals.length ? positionals : all).filter((name) => !args.without.includes(name))
  const unknown = [...names, ...args.without].filter((name) => !all.includes(name))
  if (!clients[args.client]) throw new Error(`no client ${args.client}; there are ${Object.keys(clients).join(', ')}`)
  if (unknown.length) throw new Error(`no such scenario: ${unknown.join(', ')}; there are ${all.join(', ')}`)
  // The PDSes write much: memory, where it is to be had, doubles their speed.
  const base = await fs.access('/dev/shm', fs.constants.W_OK).then(
    () => '/dev/shm',
    () => os.tmpdir(),
  )
  const top = await fs.mkdtemp(path.join(base, 'tap-e2e-'))
  console.log(`seed ${args.seed}, files in ${top}`)
  const network = await Network.start(top)
  const count = { passed: 0, failed: 0, skipped: 0 }
  for (const name of names) {
    const dir = path.join(top, name)
    await fs.mkdir(dir)
    const start = Date.now()
    const took = () => `${((Date.now() - start) / 1000).toFixed(1)} s`
    try {
      await runScenario(name, network, dir)
      count.passed++
      console.log(`ok      ${name} (${took()})`)
    } catch (error) {
      if (error instanceof Skipped) {
        count.skipped++
        console.log(`skipped ${name}: ${error.message}`)
        continue
      }
      count.failed++
      console.log(`FAILED  ${name} (${took()}): ${error.stack}`)
      if (error.log?.length) console.log(`  the end of ${path.join(dir, 'tap.log')}:\n    ${error.log.join('\n    ')}`)
    }
  }
  const kept = args.keep || count.failed > 0
  if (kept) console.log(`files kept in ${top}`)
  else await fs.rm(top, { recursive: true, force: true })
  console.log(`${count.passed} passed, ${count.failed} failed${count.skipped ? `, ${count.skipped} skipped` : ''}`)
  return count.failed ? 1 : 0
}

// As the first process of its namespace it would ignore them.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130))

main().then(
  (status) => process.exit(status),
  (error) => {
    console.error(error)
    process.exit(2)
  },
)
