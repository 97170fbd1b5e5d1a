// SPDX-License-Identifier: MIT
// An account on a PDS, and what its owner or the PDS's admin can do.
import { MemoryBlockstore, Repo, blocksToCarFile, getFullRepo, readCarWithRoot, signCommit } from '@atproto/repo'
import { adminPassword, oracleHeader, p256Header } from './pds.mjs'
import { tid } from './tid.mjs'

const adminHeader = { authorization: `Basic ${Buffer.from(`admin:${adminPassword}`).toString('base64')}` }
const writes = 'com.atproto.repo.applyWrites'

export const op = {
  create: (collection, rkey, value) => ({ $type: `${writes}#create`, collection, rkey, value }),
  update: (collection, rkey, value) => ({ $type: `${writes}#update`, collection, rkey, value }),
  delete: (collection, rkey) => ({ $type: `${writes}#delete`, collection, rkey }),
}

// One XRPC call: a query, or a procedure when there is a body. Bytes or JSON in, bytes or JSON out.
export async function xrpc(base, nsid, { params = {}, body, method, headers = {} } = {}) {
  const url = new URL(`/xrpc/${nsid}`, base)
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, String(value))
  const bytes = body instanceof Uint8Array
  const type = body === undefined ? {} : { 'content-type': bytes ? 'application/vnd.ipld.car' : 'application/json' }
  const response = await fetch(url, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...type, ...headers },
    body: body === undefined || bytes ? body : JSON.stringify(body),
    signal: AbortSignal.timeout(120_000),
  })
  const json = response.headers.get('content-type')?.includes('json')
  const answer = json ? await response.json() : Buffer.from(await response.arrayBuffer())
  if (response.ok) return answer
  throw Object.assign(new Error(`${nsid}: HTTP ${response.status} ${JSON.stringify(answer)}`), {
    name: answer.error ?? 'XrpcError',
  })
}

export class Account {
  // What the account looks like to the world; scenarios compare the last identity event with it.
  status = 'active'

  static async create(pds, handle, { p256 = false } = {}) {
    const account = new Account()
    const { did, accessJwt } = await xrpc(pds.url, 'com.atproto.server.createAccount', {
      body: { email: `${handle}@mail.test`, handle, password: 'password' },
      headers: p256 ? p256Header : {},
    })
    return Object.assign(account, { pds, did, handle, token: accessJwt })
  }

  call(nsid, options = {}) {
    return xrpc(this.pds.url, nsid, {
      ...options,
      headers: { authorization: `Bearer ${this.token}`, ...options.headers },
    })
  }
  admin(nsid, body) {
    return xrpc(this.pds.url, nsid, { body, headers: adminHeader })
  }

  // Writes; each resolves to the new rev.
  async put(collection, rkey, record) {
    const { commit } = await this.call('com.atproto.repo.putRecord', {
      body: { repo: this.did, collection, rkey, record },
    })
    return commit?.rev
  }
  async delete(collection, rkey) {
    const { commit } = await this.call('com.atproto.repo.deleteRecord', { body: { repo: this.did, collection, rkey } })
    return commit?.rev
  }
  async batch(ops) {
    return (await this.call(writes, { body: { repo: this.did, writes: ops } })).commit.rev
  }

  async uploadBlob(bytes, type) {
    const { blob } = await this.call('com.atproto.repo.uploadBlob', { body: bytes, headers: { 'content-type': type } })
    return blob
  }

  async setHandle(handle) {
    await this.call('com.atproto.identity.updateHandle', { body: { handle } })
    this.handle = handle
  }
  async deactivate() {
    await this.call('com.atproto.server.deactivateAccount', { body: {} })
    this.status = 'deactivated'
  }
  async activate() {
    await this.call('com.atproto.server.activateAccount', { method: 'POST' })
    this.status = 'active'
  }
  async takedown(applied) {
    const subject = { $type: 'com.atproto.admin.defs#repoRef', did: this.did }
    await this.admin('com.atproto.admin.updateSubjectStatus', { subject, takedown: { applied, ref: 'e2e' } })
    this.status = applied ? 'takendown' : 'active'
  }
  async erase() {
    await this.admin('com.atproto.admin.deleteAccount', { did: this.did })
    this.status = 'deleted'
  }

  rotateKey(type) {
    return this.pds.rotateKey(this.did, type)
  }

  car() {
    return xrpc(this.pds.url, 'com.atproto.sync.getRepo', {
      params: { did: this.did },
      headers: { [oracleHeader]: '1' },
    })
  }

  // Replaces the repo by its present content and these writes, through importRepo. The firehose shows only a #sync.
  async importWith(ops) {
    const { root, blocks } = await readCarWithRoot(await this.car())
    const store = new MemoryBlockstore(blocks)
    const changed = await (
      await Repo.load(store, root)
    ).applyWrites(
      ops.map(({ $type, collection, rkey, value }) => ({
        action: $type.split('#')[1],
        collection,
        rkey,
        record: value,
      })),
      await this.pds.keypair(this.did),
    )
    const chunks = []
    for await (const chunk of getFullRepo(store, changed.cid)) chunks.push(chunk)
    await this.import(Buffer.concat(chunks))
  }

  // Replaces the repo by a tree that another one was built with: a tree depends on neither DID nor key, so that one
  // serves many accounts, at a hundred times the speed of writing its records.
  async importTree({ data, blocks }) {
    const commit = await signCommit(
      { did: this.did, version: 3, data, rev: tid(), prev: null },
      await this.pds.keypair(this.did),
    )
    const own = new blocks.constructor(blocks)
    await this.import(await blocksToCarFile(await own.add(commit), own))
  }

  async import(car) {
    await this.deactivate()
    await this.call('com.atproto.repo.importRepo', { body: car })
    await this.activate()
  }
}
