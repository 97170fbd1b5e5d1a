// SPDX-License-Identifier: MIT
// What the relay lists: every repo of its PDSes, as these say themselves, and who had a record of a collection in the
// commits that came by. Pages are small, so that each pass has several.
import { sendJson } from './loopback.mjs'

const pageSize = 3

export class Lists {
  collections = new Map() // name -> Set of DIDs

  constructor(pdses) {
    this.pdses = pdses
  }

  learn({ repo, ops }) {
    for (const { action, path } of ops) {
      if (action === 'delete') continue
      const [collection] = path.split('/')
      this.collections.set(collection, (this.collections.get(collection) ?? new Set()).add(repo))
    }
  }

  async answer(request, response) {
    const { pathname, searchParams: params } = new URL(request.url, 'http://relay')
    const cursor = params.get('cursor') ?? ''
    if (pathname === '/xrpc/com.atproto.sync.listRepos') return sendJson(response, 200, await this.repos(cursor))
    if (pathname === '/xrpc/com.atproto.sync.listReposByCollection')
      return sendJson(response, 200, this.members(params.get('collection'), cursor))
    response.writeHead(404).end()
  }

  // One PDS after another; the cursor says which, and where in it. It has characters that a URL must escape.
  async repos(cursor) {
    const [number, inner] = cursor ? cursor.split('&=') : ['0', '']
    const url = new URL('/xrpc/com.atproto.sync.listRepos', this.pdses[number].url)
    url.searchParams.set('limit', pageSize)
    if (inner) url.searchParams.set('cursor', inner)
    const page = await (await fetch(url)).json()
    const next = page.cursor ? [number, page.cursor] : [Number(number) + 1, '']
    return { repos: page.repos, ...(this.pdses[next[0]] ? { cursor: next.join('&=') } : {}) }
  }

  members(collection, cursor) {
    const all = [...(this.collections.get(collection) ?? [])]
    const end = Number(cursor) + pageSize
    return {
      repos: all.slice(end - pageSize, end).map((did) => ({ did })),
      ...(end < all.length ? { cursor: `${end}` } : {}),
    }
  }
}
