// SPDX-License-Identifier: MIT
// A small relay: merges the firehoses of several PDSes into one with sequence numbers of its own, keeps every frame in
// memory and replays from a cursor. Frames are the PDSes' own but for `seq`.
import http from 'node:http'
import { decodeAll, encode } from '@atproto/lex-cbor'
import { WebSocket, WebSocketServer } from 'ws'
import { Lists } from './lists.mjs'
import { listen } from './loopback.mjs'
import { until } from './wait.mjs'

const subscribeRepos = '/xrpc/com.atproto.sync.subscribeRepos'

export class Relay {
  frames = []
  seqs = [] // of the frames; they grow
  revs = new Map() // DID -> rev of its last commit
  down = false // while true, connections are refused
  consumers = new Set()
  connections = 0

  static async start(pdses = []) {
    const relay = new Relay()
    relay.lists = new Lists(pdses)
    relay.server = http.createServer((request, response) => relay.lists.answer(request, response))
    relay.sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
    relay.server.on('upgrade', (request, socket, head) => relay.upgrade(request, socket, head))
    relay.port = await listen(relay.server)
    relay.url = `http://127.0.0.1:${relay.port}`
    relay.upstreams = pdses.map((pds) => new Upstream(pds.url, (header, body) => relay.publish(header, body)))
    for (const upstream of relay.upstreams) await until(`firehose of ${upstream.url}`, () => upstream.open)
    return relay
  }

  get seq() {
    return this.seqs.at(-1) ?? 0
  }

  publish(header, body) {
    if (header.t === '#commit') {
      this.revs.set(body.repo, body.rev)
      this.lists.learn(body)
    }
    const seq = this.seq + 1
    this.append(seq, Buffer.concat([encode(header), encode({ ...body, seq })]))
  }

  append(seq, frame) {
    this.seqs.push(seq)
    this.frames.push(frame)
    for (const consumer of this.consumers) consumer.pump()
  }

  upgrade(request, socket, head) {
    const url = new URL(request.url, this.url)
    if (this.down || url.pathname !== subscribeRepos) return socket.destroy()
    this.sockets.handleUpgrade(request, socket, head, (ws) => {
      this.connections++
      const cursor = url.searchParams.has('cursor') ? Number(url.searchParams.get('cursor')) : this.seq
      if (cursor > this.seq) return this.refuseCursor(ws)
      const consumer = new Subscriber(this, ws, cursor)
      this.consumers.add(consumer)
      ws.on('close', () => this.consumers.delete(consumer))
      ws.on('error', () => {})
      consumer.pump()
    })
  }

  refuseCursor(ws) {
    ws.send(Buffer.concat([encode({ op: -1 }), encode({ error: 'FutureCursor', message: 'Cursor in the future.' })]))
    ws.close(1008)
  }

  // Cuts every connection at once, between frames or in the middle of one.
  cut() {
    for (const { ws } of this.consumers) ws.terminate()
  }
  cutMidFrame() {
    for (const consumer of this.consumers) consumer.cutNext = true
  }

  async close() {
    for (const upstream of this.upstreams) upstream.close()
    this.cut()
    await new Promise((resolve) => this.server.close(resolve))
  }
}

// One connection of a consumer of the relay; sends one frame after another, as fast as they are taken.
class Subscriber {
  sending = false
  cutNext = false

  constructor(relay, ws, cursor) {
    const first = relay.seqs.findIndex((seq) => seq > cursor)
    Object.assign(this, { relay, ws, next: first < 0 ? relay.frames.length : first })
  }

  pump() {
    if (this.sending || this.next >= this.relay.frames.length || this.ws.readyState !== WebSocket.OPEN) return
    const frame = this.relay.frames[this.next++]
    if (this.cutNext) return this.sendHalf(frame)
    this.sending = true
    this.ws.send(frame, () => {
      this.sending = false
      this.pump()
    })
  }

  // The WebSocket header promises the whole frame, the connection ends after half of it.
  sendHalf(frame) {
    const { length } = frame
    const header = Buffer.from(length < 65536 ? [0x82, 126, length >> 8, length & 255] : [0x82, 127, ...Array(8).fill(0)])
    if (length >= 65536) header.writeBigUInt64BE(BigInt(length), 2)
    this.relay.consumers.delete(this)
    this.ws._socket.end(Buffer.concat([header, frame.subarray(0, frame.length / 2)]))
  }
}

// Follows one PDS from its first event, through its restarts.
class Upstream {
  seq = 0
  open = false
  closed = false

  constructor(url, deliver) {
    Object.assign(this, { url, deliver })
    this.connect()
  }

  connect() {
    if (this.closed) return
    this.ws = new WebSocket(`${this.url.replace('http', 'ws')}${subscribeRepos}?cursor=${this.seq}`, {
      perMessageDeflate: false,
    })
    this.ws.on('open', () => {
      this.open = true
    })
    this.ws.on('message', (data) => this.received(data))
    this.ws.on('error', () => {})
    this.ws.on('close', () => {
      this.open = false
      setTimeout(() => this.connect(), 50)
    })
  }

  received(data) {
    const [header, body] = decodeAll(data)
    if (header.op !== 1) throw new Error(`${this.url} ended its firehose: ${JSON.stringify(body)}`)
    this.seq = body.seq ?? this.seq
    this.deliver(header, body)
  }

  close() {
    this.closed = true
    this.ws.terminate()
  }
}
