// SPDX-License-Identifier: MIT
// A recording of a real network is replayed: its firehose by the relay, its repos and DID documents from files. Twice:
// with exports that hold nothing yet, so that every change comes from the frames; then with the final exports, so that
// every frame is old.
import { decodeAll } from '@atproto/lex-cbor'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { listen, sendJson } from '../lib/loopback.mjs'
import { Relay } from '../lib/relay.mjs'
import { World } from '../lib/world.mjs'

const shared = process.env.TAP_SHARED ?? path.resolve(import.meta.dirname, '../../../../shared')

export default {
  standalone: true,
  async run({ databases, dir, binary, seed, skip }) {
    const capture = path.join(shared, 'capture')
    if (!fs.existsSync(path.join(capture, 'manifest.json'))) skip(`no capture at ${capture}`)
    const recording = new Recording(capture)
    const servers = [await serve(new URL(recording.manifest.pds).port, recording.pds), await serve(0, recording.plc)]
    try {
      for (const file of ['firehose.live.bin', 'firehose.bin']) {
        recording.exportFirstCommits = file === 'firehose.live.bin'
        recording.exported.clear()
        const to = path.join(dir, file)
        fs.mkdirSync(to)
        await replay({ recording, file, databases, dir: to, binary, seed, plcUrl: servers[1].url })
      }
    } finally {
      for (const { server } of servers) server.close()
    }
  },
}

async function replay({ recording, file, databases, dir, binary, seed, plcUrl }) {
  const relay = await Relay.start()
  const world = await World.create({ network: { relay, plc: { url: plcUrl } }, databases, binary, dir, seed })
  try {
    await world.start()
    const frames = recording.frames(file)
    recording.learnFirstCommits(frames)
    const accounts = recording.manifest.accounts.filter(({ records }) => records || recording.exportFirstCommits)
    await world.tap.add(accounts)
    await world.until('tap has all repos', async () => {
      const infos = await Promise.all(accounts.map(({ did }) => world.tap.info(did)))
      return infos.every(({ state }) => state === 'active')
    })
    await world.until('tap follows the relay', () => relay.consumers.size > 0)
    for (const { seq, frame } of frames) relay.append(seq, frame)
    for (const account of accounts) {
      const { did, records, recordsFromFrames, rev, revFromFrames } = account
      world.kept.set(did, { rev: rev ?? revFromFrames, records: new Map(Object.entries(records ?? recordsFromFrames)) })
    }
    await world.settle(accounts, { handles: false })
  } catch (error) {
    error.message = `${file}: ${error.message}\n    ${world.tap.lastLines(25).join('\n    ')}`
    throw error
  } finally {
    await world.close()
    await relay.close()
  }
}

class Recording {
  exportFirstCommits = false
  exported = new Set() // DIDs whose first export is done
  firstCommits = new Map() // DID -> the CAR of its first commit, which is the whole of an empty repo

  constructor(dir) {
    this.dir = dir
    this.manifest = JSON.parse(fs.readFileSync(path.join(dir, 'manifest.json')))
    this.pds = this.pds.bind(this)
    this.plc = this.plc.bind(this)
  }

  // Each message with a length of 32 bits before it.
  frames(file) {
    const bytes = fs.readFileSync(path.join(this.dir, file))
    const frames = []
    for (let at = 0; at < bytes.length;) {
      const length = bytes.readUInt32BE(at)
      const frame = bytes.subarray(at + 4, at + 4 + length)
      const [header, body] = decodeAll(frame)
      frames.push({ frame, header, body, seq: body.seq })
      at += 4 + length
    }
    return frames
  }

  learnFirstCommits(frames) {
    for (const { header, body } of frames) {
      if (header.t === '#commit' && !this.firstCommits.has(body.repo)) this.firstCommits.set(body.repo, body.blocks)
    }
  }

  pds(request, response) {
    const did = new URL(request.url, 'http://pds').searchParams.get('did')
    const account = this.manifest.accounts.find((candidate) => candidate.did === did)
    const first = this.exportFirstCommits && !this.exported.has(did) && this.firstCommits.get(did)
    this.exported.add(did)
    if (!first && !account?.car)
      return sendJson(response, account?.getRepo?.status ?? 404, account?.getRepo?.body ?? {})
    response.writeHead(200, { 'content-type': 'application/vnd.ipld.car' })
    response.end(first || fs.readFileSync(path.join(this.dir, account.car)))
  }

  plc(request, response) {
    const file = path.join(this.dir, 'plc', `${decodeURIComponent(request.url.slice(1)).replaceAll(':', '_')}.json`)
    if (!fs.existsSync(file)) return sendJson(response, 404, { message: 'DID not registered' })
    response.writeHead(200, { 'content-type': 'application/did+ld+json' }).end(fs.readFileSync(file))
  }
}

async function serve(port, handler) {
  const server = http.createServer(handler)
  return { server, url: `http://127.0.0.1:${await listen(server, Number(port))}` }
}
