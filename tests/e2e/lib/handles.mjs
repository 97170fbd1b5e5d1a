// SPDX-License-Identifier: MIT
// Makes handles resolve, by DNS (TXT _atproto.<handle>) or by HTTPS (/.well-known/atproto-did), each by its domain.
// Serves ports 53 and 443 of the tests' own network namespace, where run.sh has given the addresses of the system's name
// servers to loopback.
import dgram from 'node:dgram'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import https from 'node:https'
import path from 'node:path'
import { listen } from './loopback.mjs'

const typeA = 1
const typeTxt = 16

export class Handles {
  hidden = new Set() // handles that resolve nowhere

  // domains: {'.dns.test': {by: 'dns', pds}, '.web.test': {by: 'https', pds}}
  static async start({ domains, dir }) {
    const handles = new Handles()
    handles.domains = domains
    handles.dns = dgram.createSocket('udp6') // of both IP versions
    handles.dns.on('message', (query, from) => handles.answer(query, from))
    await new Promise((resolve, reject) => {
      handles.dns.once('error', reject)
      handles.dns.bind(53, '::', resolve)
    })
    handles.caFile = makeCertificates(dir, Object.keys(domains))
    const options = {
      cert: fs.readFileSync(path.join(dir, 'server.pem')),
      key: fs.readFileSync(path.join(dir, 'server.key')),
    }
    handles.web = https.createServer(options, (request, response) => handles.wellKnown(request, response))
    await listen(handles.web, 443)
    return handles
  }

  // The DID of a handle if it may be found by this method: the PDS itself is asked.
  async resolve(handle, by) {
    const domain = Object.keys(this.domains).find((suffix) => handle.endsWith(suffix))
    if (!domain || this.domains[domain].by !== by || this.hidden.has(handle)) return undefined
    const url = new URL('/xrpc/com.atproto.identity.resolveHandle', this.domains[domain].pds.url)
    url.searchParams.set('handle', handle)
    const response = await fetch(url)
    return response.ok ? (await response.json()).did : undefined
  }

  async wellKnown(request, response) {
    const handle = request.headers.host.split(':')[0]
    const did = request.url === '/.well-known/atproto-did' ? await this.resolve(handle, 'https') : undefined
    response.writeHead(did ? 200 : 404, { 'content-type': 'text/plain' }).end(did)
  }

  async answer(query, from) {
    const { name, type, question } = parseQuestion(query)
    const handle = name.replace(/^_atproto\./, '')
    const hosted = Object.keys(this.domains).some((suffix) => handle.endsWith(suffix))
    let data
    if (type === typeTxt && name !== handle) {
      const did = await this.resolve(handle, 'dns')
      if (did) data = Buffer.concat([Buffer.from([did.length + 4]), Buffer.from(`did=${did}`)])
    } else if (type === typeA && hosted) {
      data = Buffer.from([127, 0, 0, 1])
    }
    this.dns.send(reply(query, question, type, data, hosted && name === handle), from.port, from.address)
  }

  async close() {
    this.dns.close()
    this.web.closeAllConnections()
    await new Promise((resolve) => this.web.close(resolve))
  }
}

function parseQuestion(query) {
  const labels = []
  let at = 12
  while (query[at]) {
    labels.push(query.toString('latin1', at + 1, at + 1 + query[at]))
    at += 1 + query[at]
  }
  return {
    name: labels.join('.').toLowerCase(),
    type: query.readUInt16BE(at + 1),
    question: query.subarray(12, at + 5),
  }
}

// `data`: one answer record; without it, "no such name", or "no data" for a name that exists.
function reply(query, question, type, data, exists) {
  const header = Buffer.alloc(12)
  query.copy(header, 0, 0, 2)
  header.writeUInt16BE(0x8580 | (data || exists ? 0 : 3), 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(data ? 1 : 0, 6)
  if (!data) return Buffer.concat([header, question])
  const record = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 1, data.length >> 8, data.length & 255])
  return Buffer.concat([header, question, record, data])
}

// A throw-away authority and a certificate for `*<domain>` of each domain; returns the authority's file.
function makeCertificates(dir, domains) {
  const openssl = (...args) => execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] })
  const newKey = ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  openssl(...newKey, '-x509', '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=end-to-end tests')
  fs.writeFileSync(
    path.join(dir, 'names.cnf'),
    `subjectAltName=${domains.map((suffix) => `DNS:*${suffix}`).join(',')}\n`,
  )
  openssl(...newKey, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=handles')
  openssl(
    'x509',
    '-req',
    '-in',
    'server.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    'names.cnf',
    '-out',
    'server.pem',
  )
  return path.join(dir, 'ca.pem')
}
