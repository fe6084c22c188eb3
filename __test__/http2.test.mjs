// Velt over HTTP/2: a few connections carry all requests, and requests survive the end of a connection.

import assert from 'node:assert/strict'
import { createSecureServer } from 'node:http2'
import { connect, createServer as createTcpServer } from 'node:net'
import { test } from 'node:test'
import { VeltAuthClient } from 'velt-auth'
import { createAuthority } from './support/certificates.mjs'
import { listen } from './support/servers.mjs'

const authority = await createAuthority()
const certificate = await authority.issue()

/**
 * A server with HTTP/2 that calls `answer(stream, session)` for each request, or else sends a token. It
 * records the sessions, and how many requests each had at once.
 */
async function startHttp2(t, { answer = sendToken, ...options } = {}) {
  const sessions = []
  const server = createSecureServer({ ...certificate, ...options })
  server.on('session', (session) => {
    const record = { session, requests: 0, current: 0, most: 0 }
    sessions.push(record)
    session.on('error', () => {})
    session.on('stream', (stream) => {
      stream.on('error', () => {})
      stream.on('close', () => {
        record.current -= 1
      })
      record.requests += 1
      record.current += 1
      record.most = Math.max(record.most, record.current)
      stream.resume()
      stream.on('end', () => answer(stream, record))
    })
  })
  const { port, sockets } = await listen(t, server, '')
  return { port, sockets, sessions }
}

function sendToken(stream) {
  if (stream.destroyed) return
  stream.respond({ ':status': 200, 'content-type': 'application/json' })
  stream.end(JSON.stringify({ result: { status: 'success', data: { token: 'eyJ-a-token' } } }))
}

function startClient(t, port, options) {
  const client = new VeltAuthClient({
    apiKey: 'key',
    authToken: 'token',
    baseUrl: `https://localhost:${port}`,
    ca: authority.pem,
    ...options,
  })
  t.after(() => client.close())
  return client
}

const users = (count) => Array.from({ length: count }, (_, index) => `user-${index}`)

const getTokens = (client, count) =>
  Promise.all(users(count).map((user) => client.generateToken(user)))

test('preconnect opens a connection without a call, and the first call uses it', async (t) => {
  const { port, sessions } = await startHttp2(t)
  const client = startClient(t, port, { preconnect: true })
  while (sessions[0]?.requests !== 1) await new Promise(setImmediate)
  await client.getToken('ada')
  assert.deepEqual(
    sessions.map(({ requests }) => requests),
    [2],
  )
  assert.equal(client.stats().upstreamRequests, 1)
})

test('1,000 users at once share at most 16 connections', async (t) => {
  const { port, sessions } = await startHttp2(t)
  const client = startClient(t, port)
  const tokens = await getTokens(client, 1000)
  assert.equal(tokens.filter(({ token }) => token === 'eyJ-a-token').length, 1000)
  assert.ok(sessions.length <= 16, `${sessions.length} connections`)
  assert.equal(client.stats().upstreamRequests, 1000)
})

test('64 users at once share one connection, and later users too', async (t) => {
  const { port, sessions } = await startHttp2(t)
  const client = startClient(t, port)
  await getTokens(client, 64)
  await getTokens(client, 64)
  assert.equal(sessions.length, 1)
})

test('maxConnections limits the connections of HTTP/2, and not the requests in flight', async (t) => {
  const { port, sessions } = await startHttp2(t)
  const client = startClient(t, port, { maxConnections: 1 })
  await getTokens(client, 300)
  assert.equal(sessions.length, 1)
  assert.ok(sessions[0].most > 1, `${sessions[0].most} requests at once`)
})

test('a server that allows 5 requests at once gets no more, and no call fails', async (t) => {
  const { port, sessions } = await startHttp2(t, { settings: { maxConcurrentStreams: 5 } })
  const client = startClient(t, port, { maxConnections: 2, maxAttempts: 1 })
  await getTokens(client, 100)
  await getTokens(client, 100)
  for (const { most } of sessions) assert.ok(most <= 5, `${most} requests at once`)
  assert.ok(sessions.length <= 2)
})

test('requests that a GOAWAY refuses are sent on another connection', async (t) => {
  const { port, sessions } = await startHttp2(t, {
    answer(stream, record) {
      // The server processes ten requests. A client gives its requests the ids 1, 3, 5…
      if (record !== sessions[0] || stream.id < 20) return sendToken(stream)
      if (stream.id === 21) record.session.goaway(0, 19)
    },
  })
  const client = startClient(t, port, { maxAttempts: 1 })
  await client.generateToken('ada')
  await getTokens(client, 64)
  assert.equal(sessions.length, 2)
})

test('requests on a connection that is reset are sent again on another one', async (t) => {
  const { port, sessions, sockets } = await startHttp2(t, {
    answer(stream, record) {
      if (sessions.length > 1 || record.requests < 20) return sendToken(stream)
      for (const socket of sockets) socket.resetAndDestroy()
    },
  })
  const client = startClient(t, port, { maxAttempts: 1 })
  await client.generateToken('ada')
  await getTokens(client, 64)
  assert.equal(sessions.length, 2)
  const { upstreamRequests, failures } = client.stats()
  assert.deepEqual({ upstreamRequests, failures }, { upstreamRequests: 65, failures: {} })
})

test('a connection that has become silent is found by a ping and replaced', async (t) => {
  const { port, sessions } = await startHttp2(t)
  const relays = []
  const relay = createTcpServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    relays.push([client, upstream])
    for (const socket of [client, upstream]) socket.on('error', () => {})
    client.pipe(upstream).pipe(client)
    client.on('close', () => upstream.destroy())
  })
  const { port: relayPort } = await listen(t, relay, '')
  const client = startClient(t, relayPort, { maxAttempts: 1 })
  await client.generateToken('ada')
  for (const [near, far] of relays) {
    near.unpipe(far)
    far.unpipe(near)
  }
  await getTokens(client, 20)
  assert.equal(sessions.length, 2)
})

test('a server without HTTP/2 gets HTTP/1.1, and at most maxConnections requests at once', async (t) => {
  const { createServer } = await import('node:https')
  const versions = new Set()
  let current = 0
  let most = 0
  const server = createServer(certificate, (request, response) => {
    versions.add(request.httpVersion)
    current += 1
    most = Math.max(most, current)
    response.on('finish', () => {
      current -= 1
    })
    request.resume().on('end', () => {
      response.end(JSON.stringify({ result: { data: { token: 'eyJ-a-token' } } }))
    })
  })
  const { port, sockets } = await listen(t, server, '')
  let connections = 0
  server.on('secureConnection', () => {
    connections = Math.max(connections, sockets.size)
  })
  const client = startClient(t, port, { maxConnections: 20 })
  await getTokens(client, 300)
  assert.deepEqual([...versions], ['1.1'])
  assert.ok(most > 1 && most <= 20, `${most} requests`)
  // reqwest may open a connection for a request that gets another one first.
  assert.ok(connections <= 40, `${connections} connections`)
})
