// getToken and the cache in this process.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VeltAuthClient } from 'velt-auth'
import { emulateWithClient } from './support/emulator.mjs'
import { runNode } from './support/processes.mjs'
import { startRawServer } from './support/servers.mjs'

test('the first getToken sends a request, and later calls are served from the cache', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const first = await client.getToken({ userId: 'ada', email: 'ada@acme.example' })
  const second = await client.getToken({ email: 'ada@acme.example', userId: 'ada', name: null })
  assert.deepEqual(second, first)
  assert.equal(emulator.verify(first.token).userId, 'ada')
  assert.equal(emulator.requests.length, 1)

  const other = await client.getToken('ada')
  assert.notEqual(other.token, first.token, 'other claims make another entry')
  const { hits, misses, entries, upstreamRequests } = client.stats()
  assert.deepEqual([hits, misses, entries, upstreamRequests], [1, 2, 2, 2])
})

test('10,000 concurrent calls send one request per user', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const one = await Promise.all(Array.from({ length: 10_000 }, () => client.getToken('ada')))
  assert.equal(new Set(one.map(({ token }) => token)).size, 1)
  assert.equal(emulator.requests.length, 1)

  emulator.reset()
  const users = Array.from({ length: 10_000 }, (_, index) => `user-${index % 100}`)
  const tokens = await Promise.all(users.map((user) => client.getToken(user)))
  assert.deepEqual(
    tokens.map(({ token }) => emulator.verify(token).userId),
    users,
  )
  assert.equal(emulator.requests.length, 100)
})

test('all waiting calls get the failure of the one request, and the failure is not cached', async (t) => {
  const { emulator, client } = await emulateWithClient(t, { maxAttempts: 1 })
  emulator.fault({ error: { status: 'UNAVAILABLE' }, delay: 50 })
  const calls = Array.from({ length: 10_000 }, () => client.getToken('ada'))
  const outcomes = await Promise.allSettled(calls)
  assert.ok(outcomes.every(({ reason }) => reason.code === 'ERR_VELT_UNAVAILABLE'))
  assert.equal(emulator.requests.length, 1)

  const { token } = await client.getToken('ada')
  assert.equal(emulator.verify(token).userId, 'ada')
  assert.equal(emulator.requests.length, 2)
})

test('an aborted call does not cancel the request that other calls wait for', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  emulator.fault({ delay: 200 })
  const controller = new AbortController()
  const leaving = client.getToken('ada', { signal: controller.signal })
  const staying = client.getToken('ada')
  while (emulator.requests.length === 0) await new Promise(setImmediate)
  controller.abort()
  await assert.rejects(leaving, { name: 'AbortError' })
  assert.equal(emulator.verify((await staying).token).userId, 'ada')
  assert.equal(emulator.requests.length, 1)
  await assert.rejects(client.getToken('ada', { signal: controller.signal }), {
    name: 'AbortError',
  })
})

test('generateToken always sends a request, and replaces the cache entry', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const old = await client.getToken('ada')
  const fresh = await client.generateToken('ada')
  assert.notEqual(fresh.token, old.token)
  assert.deepEqual(await client.getToken('ada'), fresh)
  assert.equal(emulator.requests.length, 2)
})

test('an entry below minValidity is replaced; minValidity 0 accepts any unexpired token', async (t) => {
  const { emulator, client } = await emulateWithClient(t, {}, { tokenLifetime: 6000 })
  const first = await client.getToken('ada')
  // At most half of the lifetime counts.
  while (first.expiresAt - Date.now() > 2500) await new Promise(setImmediate)
  assert.deepEqual(await client.getToken('ada', { minValidity: 0 }), first)
  assert.deepEqual(await client.getToken('ada', { minValidity: 1000 }), first)
  const second = await client.getToken('ada')
  assert.notEqual(second.token, first.token)
  assert.equal(emulator.requests.length, 2)
})

test('maxAge: concurrent and repeated calls share one new token', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const first = await client.getToken('ada')
  const received = Date.now()
  while (Date.now() <= received + 1000) await new Promise(setImmediate)
  const getNew = () => client.getToken('ada', { maxAge: 1000 })
  const [second, ...others] = await Promise.all(Array.from({ length: 500 }, getNew))
  assert.notEqual(second.token, first.token)
  assert.ok(others.every(({ token }) => token === second.token))
  assert.deepEqual(await getNew(), second)
  assert.deepEqual(await client.getToken('ada'), second)
  assert.equal(emulator.requests.length, 2)
})

test('a valid token is served after about a second if Velt does not respond', async (t) => {
  const { emulator, client } = await emulateWithClient(t, {}, { tokenLifetime: 8000 })
  const first = await client.getToken('ada')
  while (first.expiresAt - Date.now() > 3500) await new Promise(setImmediate)
  emulator.fault({ stall: 'headers' })
  assert.deepEqual(await client.getToken('ada'), first)
  assert.equal(emulator.requests.length, 2, 'the request to Velt goes on')
  assert.equal(client.stats().staleServed, 1)
})

test('an invalidation does not affect requests for other users', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  emulator.fault({ delay: 300, times: Infinity })
  const invalidations = setInterval(() => client.invalidate({ userId: 'bob' }), 20)
  t.after(() => clearInterval(invalidations))
  for (let call = 0; call < 10; call += 1) await client.getToken('ada')
  assert.equal(emulator.requests.length, 1)
})

test('a Retry-After of one call holds for all calls of the client', async (t) => {
  const { emulator, client } = await emulateWithClient(t, { deadline: 8000 })
  emulator.fault({ error: { status: 'RESOURCE_EXHAUSTED' }, retryAfter: 3 })
  const first = client.getToken('ada')
  while (emulator.requests[0]?.status === undefined) await new Promise(setImmediate)
  const others = Array.from({ length: 40 }, (_, index) => client.getToken(`user-${index}`))
  for (const { reason } of await Promise.allSettled(others)) {
    assert.equal(reason.code, 'ERR_VELT_RATE_LIMITED')
    assert.ok(reason.retryAfter > 0 && reason.retryAfter <= 3000)
  }
  assert.equal(emulator.requests.length, 1)
  emulator.verify((await first).token)
  assert.equal(emulator.requests.length, 2)
})

test('a full cache serves tokens while 10,000 users are invalidated', async (t) => {
  const { client } = await emulateWithClient(t, { deadline: 15_000 })
  const users = Array.from({ length: 10_000 }, (_, index) => `user-${index}`)
  await Promise.all(users.map((user) => client.getToken(user)))
  assert.equal(client.stats().entries, 10_000)
  const invalidations = Promise.all(users.map((userId) => client.invalidate({ userId })))
  const other = await client.getToken('ada', { deadline: 5000 })
  assert.deepEqual(await client.getToken('ada'), other)
  await invalidations
  assert.equal(client.stats().entries, 1)
})

test('a polluted Object.prototype does not turn a token into an error', async (t) => {
  const { options } = await emulateWithClient(t)
  const source = `
    Object.prototype.code = 'polluted'
    const { VeltAuthClient } = await import('velt-auth')
    const client = new VeltAuthClient(${JSON.stringify(options)})
    console.log((await client.getToken('ada')).expiresAt > Date.now())
    console.log((await client.generateToken('ada')).expiresAt > Date.now())
    await client.invalidate({ userId: 'ada' })
    client.close()
  `
  assert.equal(await runNode(source), 'true\ntrue\n')
})

test('invalidate drops all tokens of one user, and keeps those of other users', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const users = [{ userId: 'ada' }, { userId: 'ada', isAdmin: true }, { userId: 'bob' }]
  for (const user of users) await client.getToken(user)
  await client.invalidate({ userId: 'ada' })
  assert.equal(client.stats().entries, 1)
  for (const user of users) await client.getToken(user)
  assert.equal(emulator.requests.length, 5)

  const refused = [
    undefined,
    'ada',
    {},
    { userId: 7 },
    { userId: '' },
    { userId: 'ada', email: 'x' },
  ]
  for (const wrong of refused) {
    await assert.rejects(client.invalidate(wrong), { code: 'ERR_VELT_INVALID_USER' })
  }
})

test('while Velt is down, cached tokens are served until they expire, and never after', async (t) => {
  const lifetime = 20_000
  const { emulator, client } = await emulateWithClient(t, {}, { tokenLifetime: lifetime })
  const users = Array.from({ length: 1000 }, (_, index) => `user-${index}`)
  const tokens = new Map()
  for (const user of users) tokens.set(user, await client.getToken(user))
  await emulator.close()
  const ends = [...tokens.values()].map(({ expiresAt }) => expiresAt)

  for (let call = 0; call < 100_000; call += 1) {
    const user = users[call % users.length]
    const { token } = await client.getToken(user, { minValidity: 0 })
    if (token !== tokens.get(user).token) assert.fail('another token')
  }
  assert.ok(Date.now() < Math.min(...ends), 'the calls ended before the first token expired')

  // Half of the token's life has passed: the entry needs refresh, the request fails, and the stale
  // token is served.
  const until = (time) => new Promise((resolve) => setTimeout(resolve, time - Date.now() + 1))
  await until(Math.max(...ends) - lifetime / 2)
  const stale = await client.getToken('user-0')
  assert.equal(stale.token, tokens.get('user-0').token)
  assert.ok(client.stats().staleServed > 0)

  await until(Math.max(...ends))
  const calls = users.map((user) => client.getToken(user, { minValidity: 0 }))
  const outcomes = await Promise.allSettled(calls)
  assert.ok(outcomes.every(({ reason }) => reason?.retryable === true))
})

test('a rejection by Velt is returned even while an unexpired token is cached', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  await client.getToken('ada')
  emulator.rotateAuthToken('another')
  await assert.rejects(client.getToken('ada', { maxAge: 0 }), { code: 'ERR_VELT_UNAUTHORIZED' })
  await assert.rejects(client.getToken('ada'), { code: 'ERR_VELT_UNAUTHORIZED' })
})

test('the open circuit breaker fails cache misses at once with retryAfter, and a probe closes it', async (t) => {
  const { emulator, client } = await emulateWithClient(t, { maxAttempts: 1 })
  emulator.fault({ error: { status: 'UNAVAILABLE' }, times: Infinity })
  for (let call = 0; call < 50; call += 1) {
    await assert.rejects(client.getToken(`user-${call}`), { code: 'ERR_VELT_UNAVAILABLE' })
  }
  assert.equal(emulator.requests.length, 5)
  const error = await client.getToken('ada').catch((reason) => reason)
  assert.ok(error.retryAfter > 0 && error.retryAfter <= 1250, String(error.retryAfter))
  assert.deepEqual([error.attempts, error.retryable], [0, true])

  emulator.reset()
  await new Promise((resolve) => setTimeout(resolve, error.retryAfter + 1))
  await client.getToken('ada')
  await client.getToken('bob')
})

test('timeouts of calls with a short deadline do not open the circuit breaker', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  emulator.fault({ delay: 300, times: 6 })
  const hurried = Array.from({ length: 6 }, (_, index) =>
    client.generateToken(`user-${index}`, { deadline: 20 }),
  )
  for (const { reason } of await Promise.allSettled(hurried)) {
    assert.equal(reason.code, 'ERR_VELT_TIMEOUT')
  }
  const { token } = await client.getToken('ada')
  assert.equal(emulator.verify(token).userId, 'ada')
})

test('concurrent calls share a request even if its token has already expired', async (t) => {
  const { emulator, client } = await emulateWithClient(t, {}, { tokenLifetime: -60_000 })
  emulator.fault({ delay: 200, times: Infinity })
  await Promise.all(Array.from({ length: 50 }, () => client.getToken('ada')))
  assert.ok(emulator.requests.length <= 2, `${emulator.requests.length} requests`)
})

test('clients with different options do not share tokens', async (t) => {
  const { emulator, client, options } = await emulateWithClient(t)
  const { token } = await client.getToken('ada')
  for (const change of [{ apiVersion: 'v1' }, { timeout: 4000 }]) {
    const other = await new VeltAuthClient({ ...options, ...change }).getToken('ada')
    assert.notEqual(other.token, token)
  }
  assert.equal(emulator.requests.length, 3)
})

test('a closed client rejects getToken, even for a cached token', async (t) => {
  const { client } = await emulateWithClient(t)
  await client.getToken('ada')
  client.close()
  await assert.rejects(client.getToken('ada'), { code: 'ERR_VELT_CLOSED' })
})

test('invalid call options and cache options are rejected with ERR_VELT_CONFIG', async (t) => {
  const { client, options } = await emulateWithClient(t)
  for (const [callOptions, message] of [
    [{ minValidity: -1 }, /options\.minValidity must be a whole number of milliseconds, 0 to \d+/],
    [{ minvalidity: 5 }, /options cannot have 'minvalidity': its fields are signal, deadline, min/],
  ]) {
    await assert.rejects(client.getToken('ada', callOptions), { code: 'ERR_VELT_CONFIG', message })
  }
  for (const [cache, message] of [
    [{ maxEntries: 0 }, /options\.cache\.maxEntries must be a whole number of entries, 1 to \d+/],
    [{ size: 5 }, /options\.cache cannot have 'size'/],
    [{ redis: 7 }, /options\.cache\.redis must be a string/],
    [{ redis: 'localhost:hunter2' }, /cache\.redis must be a URL such as rediss:/],
    [{ redis: 'http://user:hunter2@127.0.0.1' }, /cache\.redis must be a URL/],
    [{ redis: [] }, /cache\.redis must be a URL/],
    [{ sentinels: ['redis://127.0.0.1:1'] }, /cache\.redis must be a URL/],
    [{ sentinels: 'redis://127.0.0.1:1' }, /options\.cache\.sentinels must be an array/],
    [
      { redis: ['redis://a:1', 'redis://b:1'], sentinels: ['redis://127.0.0.1:1'] },
      /cache\.sentinels must be a list of URLs/,
    ],
    [true, /options\.cache must be an object/],
  ]) {
    assert.throws(
      () => new VeltAuthClient({ ...options, cache }),
      (error) => {
        assert.equal(error.code, 'ERR_VELT_CONFIG')
        assert.match(error.message, message)
        return !error.stack.includes('hunter2')
      },
    )
  }
})

test('the memory of a full cache does not grow when entries are replaced', async (t) => {
  const body = JSON.stringify({ result: { data: { token: 't'.repeat(400) } } })
  const { url } = await startRawServer(t, (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  })
  const printed = await runNode(
    `
    import { VeltAuthClient } from 'velt-auth'
    const options = { apiKey: 'key', authToken: 'auth', baseUrl: '${url}' }
    const client = new VeltAuthClient(options)
    const fill = async (from, to) => {
      for (; from < to; from += 100) {
        const users = Array.from({ length: 100 }, (_, index) => 'user-' + (from + index))
        await Promise.all(users.map((user) => client.getToken(user)))
      }
      global.gc()
      return process.memoryUsage().rss
    }
    const full = await fill(0, 12_000)
    const grown = (await fill(12_000, 72_000)) - full
    console.log(JSON.stringify({ grown, entries: client.stats().entries }))
  `,
    {},
    ['--expose-gc'],
  )
  const { grown, entries } = JSON.parse(printed)
  assert.equal(entries, 10_000)
  t.diagnostic(`resident memory grew by ${(grown / 1e6).toFixed(1)} MB`)
  // 60,000 more entries would take 55 MB. The growth that remains comes from the allocators, and is
  // bounded.
  assert.ok(grown < 30e6, `resident memory grew by ${grown} bytes`)
})
