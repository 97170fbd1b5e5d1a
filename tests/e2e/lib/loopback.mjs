// SPDX-License-Identifier: MIT
// What every server here shares: loopback only, and a place to put faults in front of a real component.
import net from 'node:net'

// The PLC directory and the PDS call app.listen(port), which is every interface. This puts the loopback address in and
// lets `around(request, response, next)` see each request first.
export function listenOnLoopback(app, around) {
  const listen = app.listen.bind(app)
  app.listen = (port) => {
    const server = listen(port, '127.0.0.1')
    const handlers = server.listeners('request')
    server.removeAllListeners('request')
    server.on('request', (request, response) =>
      around(request, response, () => handlers.forEach((handler) => handler.call(server, request, response))),
    )
    return server
  }
}

// Listens on a free port of loopback, or on the one given; resolves to the port.
export const listen = (server, port = 0) =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server.address().port))
  })

export async function freePort() {
  const server = net.createServer()
  const port = await listen(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

export function sendJson(response, status, value, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(value))
}
