// SPDX-License-Identifier: MIT
// Records of all shapes, and the writes that make up a repo's life.
import { Secp256k1Keypair } from '@atproto/crypto'
import { MemoryBlockstore, Repo } from '@atproto/repo'
import { op } from './account.mjs'
import { tid } from './tid.mjs'

const words = 'alpha bravo charlie δέλτα echo фокстрот golf hôtel índia 東京 kilo 🎈 नमस्ते québec zulu <b>&amp;'.split(
  ' ',
)
export const posts = 'app.bsky.feed.post'
export const things = 'com.example.thing'

const text = (random, length) => {
  let s = ''
  while (s.length < length) s += `${random.pick(words)} `
  return [...s].slice(0, length).join('')
}

export const post = (random) => ({
  $type: posts,
  text: text(random, random.between(5, 200)),
  createdAt: new Date().toISOString(),
})

// Every kind of value that the data model has, and strings that JSON has to escape.
export const oddThing = (random, link) => ({
  $type: things,
  largest: 9007199254740991,
  least: -9007199254740991,
  zero: 0,
  nothing: null,
  yes: true,
  no: false,
  list: [1, 'two', { three: 3 }, [[]], null],
  bytes: { $bytes: Buffer.from(text(random, 9)).toString('base64').replace(/=+$/, '') },
  noBytes: { $bytes: '' },
  ключ: text(random, 20),
  emptyMap: {},
  emptyList: [],
  emptyText: '',
  '': 'empty key',
  escapes: '<a href="x">&amp;\u2028\u2029\u0001\u001f\u007f\b\f\n\r\t"\\/',
  astral: '🎈👩‍👩‍👧‍👦',
  b: 1,
  aa: 2,
  aaa: 3,
  B: 4,
  ...(link ? { link: { $link: link } } : {}),
})

const oddKeys = ['a', 'self', 'rk:1~x_-.', 'UPPER.case', '0'.repeat(512), '-', '_', '~', ':', '...', 'z'.repeat(300)]

// A repo with some of everything: odd records and keys, a blob, a deep record, a large one, twins, edits, deletes.
export async function writeOddRepo(account, random) {
  await account.batch(oddKeys.map((rkey) => op.create(things, rkey, oddThing(random))))
  const blob = await account.uploadBlob(Buffer.alloc(5_000, 7), 'application/octet-stream')
  // Of its own, and with one reference: the PDS moves a new blob to its place for each at once, of which one may come late.
  await account.batch([op.create('com.example.blobs', 'first', { $type: 'com.example.blobs', file: blob })])
  let deep = { leaf: 1 }
  for (let i = 0; i < 12; i++) deep = { deep, list: [i] }
  await account.batch([
    op.create('com.example.blobs', 'blob', { $type: 'com.example.blobs', file: blob, more: [blob, { inner: blob }] }),
    op.create('com.example.deep', 'deep', { $type: 'com.example.deep', deep }),
    op.create('com.example.big', 'big', { $type: 'com.example.big', text: 'ж'.repeat(30_000) }),
    op.create('com.example.twins', 'one', { $type: 'com.example.twins', v: 1 }),
    op.create('com.example.twins', 'two', { $type: 'com.example.twins', v: 1 }),
  ])
  await account.delete('com.example.twins', 'one')
  await account.put(things, 'self', oddThing(random, blob.ref.$link))
  await account.delete(things, '-')
}

// The records of an account as its owner knows them, so that edits and deletes meet ones that exist.
export class Author {
  keys = []

  constructor(account, random) {
    Object.assign(this, { account, random })
  }

  // `count` writes in one commit: creates, and once there is something to change, edits and deletes.
  ops(count) {
    const ops = []
    const touched = new Set()
    for (let i = 0; i < count; i++) {
      const rkey = this.random.pick(this.keys)
      const choice = this.random.next()
      if (this.keys.length < 5 || choice < 0.5 || touched.has(rkey)) {
        const fresh = tid()
        ops.push(op.create(posts, fresh, post(this.random)))
        touched.add(fresh)
        this.keys.push(fresh)
      } else {
        touched.add(rkey)
        if (choice < 0.75) ops.push(op.update(posts, rkey, post(this.random)))
        else {
          ops.push(op.delete(posts, rkey))
          this.keys.splice(this.keys.indexOf(rkey), 1)
        }
      }
    }
    return ops
  }

  write(count = 1) {
    return this.account.batch(this.ops(count))
  }

  // Deletes a record and creates it again under the same key.
  async recreate() {
    const rkey = this.random.pick(this.keys)
    await this.account.delete(posts, rkey)
    return this.account.batch([op.create(posts, rkey, post(this.random))])
  }
}

// A tree of `count` posts for Account.importTree.
export async function buildTree(count, random) {
  const store = new MemoryBlockstore()
  let repo = await Repo.create(store, 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', await Secp256k1Keypair.create())
  const records = Array.from({ length: count }, () => ({
    action: 'create',
    collection: posts,
    rkey: tid(),
    record: post(random),
  }))
  repo = await repo.applyWrites(records, await Secp256k1Keypair.create())
  return { data: repo.commit.data, blocks: store.blocks, rkeys: records.map(({ rkey }) => rkey) }
}
