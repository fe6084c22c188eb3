// Real servers on loopback, with behaviour that the emulator does not have.

import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { connect, createServer } from 'node:net'

/** A TCP server that reads each complete request, then calls `answer` with the socket. */
export async function startRawServer(t, answer) {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk
      const [head, body] = received.split('\r\n\r\n')
      const length = /content-length: (\d+)/i.exec(head)?.[1]
      if (body !== undefined && Buffer.byteLength(body) >= Number(length ?? 0)) {
        received = ''
        answer(socket)
      }
    })
  })
  return await listen(t, server, 'http://127.0.0.1')
}

/**
 * A proxy that tunnels every CONNECT request to `target` (a port on loopback), for any host. It
 * records the CONNECT requests in `connects`. With `tls` it is an HTTPS proxy.
 */
export async function startProxy(t, { target, credentials, tls }) {
  const connects = []
  const refuse = (_request, response) => response.writeHead(405).end()
  const server = tls ? createHttpsServer(tls, refuse) : createHttpServer(refuse)
  server.on('connect', (request, client, head) => {
    client.on('error', () => {})
    const authorization = request.headers['proxy-authorization']
    connects.push({ host: request.url, authorization })
    const wanted = credentials && `Basic ${Buffer.from(credentials).toString('base64')}`
    if (authorization !== wanted) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n')
      return
    }
    const upstream = connect(target, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      upstream.write(head)
      upstream.pipe(client).pipe(upstream)
    })
    upstream.on('error', () => client.destroy())
  })
  const { port } = await listen(t, server, '')
  return { connects, port, url: `${tls ? 'https://localhost' : 'http://127.0.0.1'}:${port}` }
}

/** A port without a server: connections to it are refused. */
export async function unusedPort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** Listens on a free port. Closes the server and all its connections when the test ends. */
export async function listen(t, server, origin) {
  const sockets = new Set()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address()
  return { port, url: `${origin}:${port}`, sockets }
}
