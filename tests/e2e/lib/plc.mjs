// SPDX-License-Identifier: MIT
// The real PLC directory, with its database in memory.
import plcLib from '@did-plc/lib'
import plcServer from '@did-plc/server'
import { freePort, listenOnLoopback, sendJson } from './loopback.mjs'

export class Plc {
  // 'legacy' documents are what the published server writes (types of 2019, uncompressed keys), 'multikey' ones what
  // the public directory serves today. The data is the directory's own either way.
  documents = 'multikey'
  // While set, answers to GET of a document have this HTTP status.
  fault = undefined

  static async start() {
    const plc = new Plc()
    plc.database = plcServer.Database.mock()
    const port = await freePort()
    plc.url = `http://127.0.0.1:${port}`
    plc.server = plcServer.PlcServer.create({ db: plc.database, port })
    listenOnLoopback(plc.server.app, (request, response, next) => plc.around(request, response, next))
    await plc.server.start()
    return plc
  }

  async around(request, response, next) {
    const did = request.method === 'GET' && /^\/(did:plc:[a-z2-7]{24})$/.exec(decodeURIComponent(request.url))?.[1]
    if (!did) return next()
    if (this.fault) return sendJson(response, this.fault, { message: 'injected fault' })
    if (this.documents === 'legacy') return next()
    const log = await this.database.opsForDid(did)
    const data = log.length ? await plcLib.validateOperationLog(did, log) : undefined
    if (!data) return next()
    sendJson(response, 200, multikeyDocument(data), { 'content-type': 'application/did+ld+json; charset=utf-8' })
  }

  // The signing key of an account, as did:key.
  async signingKey(did) {
    const response = await fetch(`${this.url}/${did}/data`)
    if (!response.ok) throw new Error(`PLC data of ${did}: HTTP ${response.status}`)
    return (await response.json()).verificationMethods.atproto
  }

  close() {
    return this.server.destroy()
  }
}

function multikeyDocument({ did, alsoKnownAs, verificationMethods, services }) {
  return {
    '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
    id: did,
    alsoKnownAs,
    verificationMethod: Object.entries(verificationMethods).map(([id, key]) => ({
      id: `${did}#${id}`,
      type: 'Multikey',
      controller: did,
      publicKeyMultibase: key.slice('did:key:'.length),
    })),
    service: Object.entries(services).map(([id, { type, endpoint }]) => ({
      id: `#${id}`,
      type,
      serviceEndpoint: endpoint,
    })),
  }
}
