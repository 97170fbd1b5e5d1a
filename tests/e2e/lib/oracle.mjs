// SPDX-License-Identifier: MIT
// The truth: what an account's own PDS says it contains, read and verified by the reference implementation.
import { MemoryBlockstore, Repo, readCarWithRoot, verifyRepoCar } from '@atproto/repo'

// {rev, records: Map of path -> CID}
export async function contentOf(account, plc) {
  const car = await account.car()
  await verifyRepoCar(car, account.did, await plc.signingKey(account.did))
  const { root, blocks } = await readCarWithRoot(car)
  const repo = await Repo.load(new MemoryBlockstore(blocks), root)
  const leaves = await repo.data.list()
  return { rev: repo.commit.rev, records: new Map(leaves.map(({ key, value }) => [key, value.toString()])) }
}

// How a consumer's records differ from the truth, in words; empty when they do not.
export function difference(actual, expected) {
  const found = []
  for (const [path, cid] of expected)
    if (actual.get(path) !== cid) found.push(`${path} is ${actual.get(path) ?? 'missing'}, not ${cid}`)
  for (const path of actual.keys()) if (!expected.has(path)) found.push(`${path} is too much`)
  return found.length ? `${found.length} of ${expected.size} records differ: ${found.slice(0, 3).join(', ')}` : ''
}
