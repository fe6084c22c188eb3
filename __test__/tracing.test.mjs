// The channels in `node:diagnostics_channel`: what they publish, and what they never contain.

import assert from 'node:assert/strict'
import { tracingChannel } from 'node:diagnostics_channel'
import { createSecureServer } from 'node:http2'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { VeltAuthError } from 'velt-auth'
import { createSelfSigned } from './support/certificates.mjs'
import { emulate, emulateWithClient } from './support/emulator.mjs'
import { collectMessages } from './support/messages.mjs'
import { runNode } from './support/processes.mjs'
import { listen, startRawServer } from './support/servers.mjs'
import { REDIS, start, startClient } from './support/shared-cache.mjs'

/** Date.now counts whole milliseconds; the emulator and the client round differently. */
const TOLERANCE = 2

test('a miss, a join and a hit: one message for each call, one for the request', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const messages = collectMessages(t)
  await Promise.all([client.getToken('ada'), client.getToken('ada')])
  await client.getToken('ada')

  // The two calls that share a request end in any order.
  const [miss, joined, hit] = messages.start
  assert.deepEqual(
    { ...miss, startTime: 0, duration: 0 },
    { method: 'getToken', cache: 'miss', startTime: 0, duration: 0, result: undefined },
  )
  assert.deepEqual([joined.cache, hit.cache], ['joined', 'hit'])
  assert.equal(joined.joined, miss, 'the message of the call that started the request')
  assert.deepEqual(new Set(messages.token), new Set(messages.start), 'one object for each call')
  assert.equal(messages.request.length, 1)
  const [request] = messages.request
  assert.equal(request.call, miss)
  assert.ok(messages.all.indexOf(request) < messages.all.lastIndexOf(miss), 'before the call ends')
  const { hostname, port } = new URL(emulator.url)
  assert.deepEqual(
    { ...request, call: 0, startTime: 0, duration: 0, timings: 0 },
    {
      call: 0,
      method: 'POST',
      url: emulator.url + emulator.requests[0].path,
      serverAddress: hostname,
      serverPort: Number(port),
      protocolVersion: '1.1',
      resendCount: 0,
      startTime: 0,
      duration: 0,
      outcome: 'succeeded',
      status: 200,
      timings: 0,
    },
  )
})

test('a subscriber of start can set the traceparent of a call', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const { start } = tracingChannel('velt-auth:token')
  const sent = async (traceparent) => {
    const set = (message) => Object.assign(message, { traceparent })
    start.subscribe(set)
    await client.generateToken('ada')
    start.unsubscribe(set)
    return emulator.requests.at(-1).headers.traceparent
  }
  const valid = `00-${'0af7'.repeat(8)}-${'b7ad'.repeat(4)}-01`
  assert.equal(await sent(valid), valid)
  for (const invalid of [undefined, '', 42, {}, 'a\r\nb: c', valid.toUpperCase(), `${valid}0`]) {
    assert.equal(await sent(invalid), undefined)
  }
})

test('two retries: each attempt has its status, its Retry-After and its times', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const messages = collectMessages(t)
  emulator.fault({ status: 503, delay: 120 })
  emulator.fault({ status: 429, retryAfter: 1 })
  emulator.fault({ delay: 80 })
  await client.generateToken('ada')

  assert.deepEqual(
    messages.request.map(({ resendCount, outcome, status, code, retryAfter }) => [
      [resendCount, outcome, status],
      [code, retryAfter],
    ]),
    [
      [
        [0, 'failed', 503],
        ['ERR_VELT_UNAVAILABLE', undefined],
      ],
      [
        [1, 'failed', 429],
        ['ERR_VELT_RATE_LIMITED', 1000],
      ],
      [
        [2, 'succeeded', 200],
        [undefined, undefined],
      ],
    ],
  )
  const [call] = messages.token
  assert.deepEqual([call.method, call.cache], ['generateToken', undefined])
  const last = messages.request.at(-1)
  assert.ok(call.startTime <= messages.request[0].startTime)
  assert.ok(last.startTime + last.duration <= call.startTime + call.duration)
  for (const [index, { startTime, duration, timings }] of messages.request.entries()) {
    const { receivedAt } = emulator.requests[index]
    assert.ok(startTime <= receivedAt + TOLERANCE, `${startTime} ${receivedAt}`)
    assert.ok(receivedAt <= startTime + duration + TOLERANCE)
    const parts = [timings.queue, timings.firstByte, timings.body, timings.connect ?? 0]
    assert.ok(parts.every((part) => part >= 0))
    assert.ok(Math.abs(timings.firstByte + timings.body - duration) < 0.001)
    assert.ok((timings.connect ?? 0) < timings.firstByte)
  }
  const [first, second, third] = messages.request
  assert.ok(first.timings.firstByte >= 120 - TOLERANCE)
  assert.ok(third.timings.firstByte >= 80 - TOLERANCE)
  assert.ok(third.startTime - second.startTime >= 1000, 'the wait for Retry-After')
  assert.ok(first.timings.connect > 0)
  assert.equal(second.timings.connect, undefined, 'the connection was open')
})

test('connect contains DNS and the TLS handshake; queue is the wait for a connection', async (t) => {
  const { key, cert } = await createSelfSigned()
  const { emulator, options } = await emulate(t, { tls: { key, cert } })
  const client = startClient(t, { ...options, ca: cert, maxConnections: 1 })
  const messages = collectMessages(t)
  emulator.fault({ delay: 150 })
  await Promise.all([client.generateToken('ada'), client.generateToken('bob')])
  const [first, second] = messages.request
  assert.ok(first.timings.connect > 0 && first.timings.queue < 100)
  assert.ok(second.timings.queue >= 150 - TOLERANCE, `${second.timings.queue}`)
  assert.equal(second.timings.connect, undefined)

  assert.ok(options.baseUrl.startsWith('https://localhost:'))
  assert.ok(first.timings.dns > 0 && first.timings.dns < first.timings.connect)
  assert.equal(second.timings.dns, undefined, 'no connection was opened')
  const byAddress = startClient(t, { ...options, baseUrl: 'http://127.0.0.1:1', maxAttempts: 1 })
  await assert.rejects(byAddress.generateToken('ada'))
  const { dns, connect } = messages.request.at(-1).timings
  assert.ok(dns === undefined && connect > 0, 'an IP address needs no lookup')
  const unknown = startClient(t, { ...options, baseUrl: 'https://velt.invalid', maxAttempts: 1 })
  await assert.rejects(unknown.generateToken('ada'))
  assert.ok(messages.request.at(-1).timings.dns > 0, 'a failed lookup takes time too')
})

test('calls of permissions, and a request with the next auth token', async (t) => {
  const { emulator, options } = await emulate(t)
  const authToken = ['auth-token-that-is-refused', options.authToken]
  const client = startClient(t, { ...options, authToken })
  const messages = collectMessages(t)
  const resources = [{ type: 'organization', id: 'acme' }]
  await client.permissions.add('ada', [{ ...resources[0], accessRole: 'viewer' }])
  await client.permissions.get({ organizationId: 'acme', userIds: ['ada'] })
  await client.permissions.remove('ada', resources)
  await assert.rejects(client.permissions.remove('ada', 42))
  assert.deepEqual(
    messages.token.map(({ method, cache, error }) => [method, cache, error?.code]),
    [
      ['permissions.add', undefined, undefined],
      ['permissions.get', undefined, undefined],
      ['permissions.remove', undefined, undefined],
      ['permissions.remove', undefined, 'ERR_VELT_INVALID_USER'],
    ],
  )
  assert.deepEqual(
    messages.request.map(({ call, resendCount, outcome, url }) => [
      call.method,
      resendCount,
      outcome,
      new URL(url).pathname,
    ]),
    [
      ['permissions.add', 0, 'failed', emulator.requests[0].path],
      ['permissions.add', 1, 'succeeded', emulator.requests[1].path],
      ['permissions.get', 0, 'succeeded', emulator.requests[2].path],
      ['permissions.remove', 0, 'succeeded', emulator.requests[3].path],
    ],
  )
  const printed = inspect(messages.all, { depth: Infinity, showHidden: true })
  for (const secret of ['ada', 'acme', ...authToken]) assert.ok(!printed.includes(secret), secret)
})

test('a refused auth token: one message, however many calls it was refused to', async (t) => {
  const { emulator, options } = await emulate(t)
  const authToken = ['auth-token-that-is-refused', options.authToken]
  const client = startClient(t, { ...options, authToken })
  const messages = collectMessages(t)
  emulator.fault({ delay: 50, times: 8 })
  const before = Date.now()
  await Promise.all(Array.from({ length: 8 }, (_, user) => client.getToken(`user-${user}`)))
  assert.equal(emulator.requests.filter(({ status }) => status === 403).length, 8)
  const [{ time, ...refusal }, ...others] = messages.cache
  assert.deepEqual(refusal, { type: 'credential-refused', index: 0 })
  assert.ok(time >= before && time <= Date.now())
  assert.deepEqual(others, [])

  // Velt refuses the one in use, and then the other one, which the call tries.
  emulator.resetAuthToken()
  await assert.rejects(client.getToken('ada'), { code: 'ERR_VELT_UNAUTHORIZED' })
  assert.deepEqual(
    messages.cache.map(({ type, index }) => [type, index]),
    [0, 1, 0].map((index) => ['credential-refused', index]),
  )
  assert.equal(client.stats().credentialRefusals, 3)
  const printed = inspect(messages.all, { depth: Infinity, showHidden: true })
  for (const secret of authToken) assert.ok(!printed.includes(secret))
})

const TOKEN = JSON.stringify({ result: { status: 'success', data: { token: 'eyJ-a-token' } } })
const CREDENTIALS = { apiKey: 'key', authToken: 'token' }

test('a request that is sent again on another connection counts as resent', async (t) => {
  const used = new WeakSet()
  const { url } = await startRawServer(t, (socket) => {
    if (used.has(socket)) return socket.destroy()
    used.add(socket)
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${TOKEN.length}\r\n\r\n${TOKEN}`)
  })
  const client = startClient(t, { ...CREDENTIALS, baseUrl: url, apiVersion: 'v1' })
  const messages = collectMessages(t)
  await client.generateToken('ada')
  await client.generateToken('ada')
  assert.deepEqual(
    messages.request.map(({ resendCount, outcome }) => [resendCount, outcome]),
    [
      [0, 'succeeded'],
      [1, 'succeeded'],
    ],
  )
  assert.ok(messages.request[1].timings.connect > 0)
})

test('HTTP/2 is the protocol version 2', async (t) => {
  const certificate = await createSelfSigned()
  const server = createSecureServer(certificate)
  server.on('stream', (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/json' })
    stream.end(TOKEN)
  })
  const { port } = await listen(t, server, '')
  const baseUrl = `https://localhost:${port}`
  const client = startClient(t, {
    ...CREDENTIALS,
    baseUrl,
    apiVersion: 'v1',
    ca: certificate.cert,
  })
  const messages = collectMessages(t)
  await client.generateToken('ada')
  const [{ protocolVersion, serverAddress, serverPort, timings }] = messages.request
  assert.deepEqual([protocolVersion, serverAddress, serverPort], ['2', 'localhost', port])
  assert.ok(timings.connect > 0 && timings.connect < timings.firstByte)
})

test('a timeout, an aborted call and an open circuit breaker', async (t) => {
  const { emulator, client } = await emulateWithClient(t, { timeout: 200, maxAttempts: 1 })
  const messages = collectMessages(t)
  emulator.fault({ stall: 'headers' })
  await assert.rejects(client.generateToken('ada'), { code: 'ERR_VELT_TIMEOUT' })
  const [timedOut] = messages.request
  assert.deepEqual([timedOut.outcome, timedOut.code], ['failed', 'ERR_VELT_TIMEOUT'])
  assert.equal(timedOut.status, undefined)
  assert.equal(timedOut.timings.firstByte, undefined)
  assert.ok(timedOut.duration >= 200 - TOLERANCE)
  assert.ok(messages.error[0].error instanceof VeltAuthError)

  emulator.fault({ stall: 'headers' })
  const controller = new AbortController()
  const aborted = client.generateToken('ada', { signal: controller.signal })
  while (emulator.requests.length < 2) await new Promise(setImmediate)
  controller.abort()
  await assert.rejects(aborted, { name: 'AbortError' })
  assert.deepEqual(
    [messages.request[1].outcome, messages.request[1].code],
    ['cancelled', undefined],
  )
  assert.equal(messages.token[1].error.name, 'AbortError')

  // With the timeout, these are five failures.
  emulator.fault({ status: 503, times: 4 })
  for (let call = 0; call < 4; call += 1) await assert.rejects(client.getToken('ada'))
  const requests = messages.request.length
  await assert.rejects(client.getToken('ada'), { attempts: 0 })
  assert.equal(messages.request.length, requests, 'no request, no message')
  assert.equal(messages.token.at(-1).cache, 'miss')
  assert.deepEqual(
    messages.cache.map(({ type, state }) => [type, state]),
    [['circuit-breaker', 'open']],
  )
  assert.equal(client.stats().circuitBreaker, 'open')
  while (messages.token.at(-1).error) await client.getToken('ada').catch(() => {})
  assert.deepEqual(
    messages.cache.map(({ state }) => state),
    ['open', 'half-open', 'closed'],
  )
  assert.equal(client.stats().circuitBreaker, 'closed')
  assert.ok(messages.cache.every(({ time }) => Math.abs(time - Date.now()) < 10_000))
})

test('the request of an aborted getToken goes on, and is published with the next call', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const messages = collectMessages(t)
  emulator.fault({ delay: 100 })
  const controller = new AbortController()
  const aborted = client.getToken('ada', { signal: controller.signal })
  while (emulator.requests.length === 0) await new Promise(setImmediate)
  controller.abort()
  await assert.rejects(aborted)
  assert.equal(messages.token[0].cache, 'miss')
  assert.equal(messages.request.length, 0)
  await client.getToken('ada')
  assert.equal(messages.request.length, 1)
  assert.equal(messages.request[0].call, messages.token[0])
  assert.deepEqual(
    messages.token.map(({ cache }) => cache),
    ['miss', 'joined'],
  )
})

test('a refresh is published with its request, also by stats()', async (t) => {
  const { emulator, client } = await emulateWithClient(t, {}, { tokenLifetime: 2000 })
  const messages = collectMessages(t)
  while (client.stats().refreshes === 0) await client.getToken('ada', { minValidity: 0 })
  while (messages.cache.length === 0) {
    client.stats()
    await new Promise(setImmediate)
  }
  const [refresh] = messages.cache
  assert.deepEqual(
    { ...refresh, startTime: 0, duration: 0 },
    { type: 'refresh', source: 'velt', startTime: 0, duration: 0 },
  )
  const request = messages.request.find((message) => message.refresh)
  assert.equal(request.refresh, refresh)
  assert.equal(request.call, undefined)
  const { receivedAt } = emulator.requests[1]
  assert.ok(refresh.startTime <= receivedAt + TOLERANCE)
  assert.ok(receivedAt <= refresh.startTime + refresh.duration + TOLERANCE)
})

test('stale tokens: after a second without a response, and after a failed request', async (t) => {
  const { emulator, client } = await emulateWithClient(
    t,
    { maxAttempts: 1 },
    { tokenLifetime: 8000 },
  )
  const messages = collectMessages(t)
  const { expiresAt } = await client.getToken('ada')
  while (expiresAt - Date.now() > 3500) await new Promise(setImmediate)
  emulator.fault({ delay: 1200, status: 503 })
  await client.getToken('ada')
  while (messages.request.length < 2) await client.getToken('ada')
  await client.getToken('ada')
  const [first, slow, ...later] = messages.token
  assert.deepEqual([first.cache, slow.cache, later.at(-1).cache], ['miss', 'stale', 'stale'])
  assert.equal(messages.request[1].call, slow, 'its request ended after the call')
})

test('the shared cache: found tokens, invalidations and its state', REDIS, async (t) => {
  const { redis, options } = await start(t)
  const [one, two] = [startClient(t, options), startClient(t, options)]
  const messages = collectMessages(t)
  const cached = (type) => messages.cache.filter((message) => message.type === type)
  await one.getToken('ada')
  await two.getToken('ada')
  assert.deepEqual(
    messages.token.map(({ cache }) => cache),
    ['miss', 'shared'],
  )
  assert.equal(messages.request.length, 1)
  assert.equal(cached('shared-cache')[0].state, 'reachable')

  await two.invalidate({ userId: 'ada' })
  assert.ok(cached('invalidation')[0].duration > 0)
  while (cached('remote-invalidation').length === 0) {
    one.stats()
    await new Promise(setImmediate)
  }
  assert.equal(cached('remote-invalidation')[0].users, 1)

  await redis.kill()
  await assert.rejects(two.invalidate({ userId: 'ada' }))
  assert.equal(cached('invalidation').at(-1).code, 'ERR_VELT_NETWORK')
  while (cached('shared-cache').at(-1).state !== 'unreachable') {
    two.stats()
    await new Promise(setImmediate)
  }
})

test('without a subscriber nothing is recorded', async (t) => {
  const { client } = await emulateWithClient(t)
  const before = collectMessages(t)
  await client.getToken('ada')
  before.stop()
  const published = before.all.length
  await client.generateToken('ada')
  await client.getToken('ada')
  const after = collectMessages(t)
  await client.getToken('ada')
  assert.equal(before.all.length, published)
  assert.deepEqual(
    after.token.map(({ cache }) => cache),
    ['hit'],
  )
  assert.equal(after.request.length, 0)
})

test('invalid input is published as the error of its call', async (t) => {
  const { client } = await emulateWithClient(t)
  const messages = collectMessages(t)
  await assert.rejects(client.getToken({ userId: '' }), { code: 'ERR_VELT_INVALID_USER' })
  await assert.rejects(client.getToken(42), { code: 'ERR_VELT_INVALID_USER' })
  assert.deepEqual(
    messages.token.map(({ error, cache }) => [error.code, cache]),
    [
      ['ERR_VELT_INVALID_USER', undefined],
      ['ERR_VELT_INVALID_USER', undefined],
    ],
  )
})

test('a program with subscribers exits, and loads tracing.js only with them', async (t) => {
  const { options } = await emulate(t)
  const program = (subscription) => `
    import { subscribe } from 'node:diagnostics_channel'
    import { createRequire } from 'node:module'
    import { VeltAuthClient } from 'velt-auth'
    ${subscription}
    const client = new VeltAuthClient(${JSON.stringify(options)})
    await client.getToken('ada')
    const { cache } = createRequire(import.meta.url)
    const files = Object.keys(cache).filter((file) => /lib.(tracing|otel)/.test(file))
    console.log(JSON.stringify(files.length))
  `
  assert.equal(JSON.parse(await runNode(program(''))), 0)
  assert.equal(JSON.parse(await runNode(program("subscribe('velt-auth:request', () => {})"))), 1)
})

test('no message contains a user, a token or a credential', async (t) => {
  const user = { userId: 'user-7f1c', organizationId: 'organization-7f1c', email: 'e7f1c@x.dev' }
  const credentials = { apiKey: 'api-key-5f1c', authToken: 'auth-token-9a7e' }
  const { emulator, options } = await emulate(t, credentials)
  const client = startClient(t, { ...options, maxAttempts: 2, timeout: 200 })
  const messages = collectMessages(t)
  const secrets = [...Object.values(user), ...Object.values(credentials)]
  const quote = `${Object.values(user)} ${Object.values(credentials)}`
  for (const fault of [
    {},
    { error: { status: 'INVALID_ARGUMENT', message: quote } },
    { status: 502, body: quote },
    { status: 302, headers: { location: `https://example.com/?token=${credentials.authToken}` } },
    { reset: 'headers' },
    { stall: 'headers', times: 2 },
  ]) {
    emulator.fault(fault)
    const outcomes = [client.generateToken(user), client.getToken(user, { maxAge: 0 })]
    for (const { value } of await Promise.allSettled(outcomes)) {
      if (value) secrets.push(value.token)
    }
  }
  secrets.push((await client.getToken(user)).token)
  await client.invalidate({ userId: user.userId })
  assert.ok(messages.request.length > 8 && messages.cache.length > 0)
  const printed = inspect(messages.all, { depth: Infinity, showHidden: true, getters: true })
  for (const secret of secrets) assert.ok(!printed.includes(secret), secret)
})

test('a subscriber that throws does not change the outcome of a call', async (t) => {
  const { options } = await emulate(t)
  const printed = await runNode(`
    import { subscribe } from 'node:diagnostics_channel'
    import { VeltAuthClient } from 'velt-auth'
    process.on('uncaughtException', ({ message }) => console.log(message))
    subscribe('velt-auth:request', () => { throw new Error('from the subscriber') })
    const client = new VeltAuthClient(${JSON.stringify(options)})
    const { token } = await client.getToken('ada')
    console.log(typeof token)
  `)
  assert.deepEqual(printed.trim().split('\n').sort(), ['from the subscriber', 'string'])
})
