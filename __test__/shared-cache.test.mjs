// Servers that share a cache in Redis: a real redis-server, and child processes as servers.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emulate } from './support/emulator.mjs'
import { REDIS, start, startClient, startServer, tokenKeys } from './support/shared-cache.mjs'

const USERS = Array.from({ length: 1000 }, (_, index) => `user-${index}`)

test('a token that one server fetched is served by the others from Redis', REDIS, async (t) => {
  const { emulator, options } = await start(t)
  const [one, two] = [startClient(t, options), startClient(t, options)]
  const fetched = await one.getToken({ userId: 'ada', organizationId: 'acme' })
  while (two.stats().sharedHits === 0) {
    assert.deepEqual(await two.getToken({ organizationId: 'acme', userId: 'ada' }), fetched)
  }
  assert.equal(emulator.requests.length, 1)

  const fresh = await two.generateToken('bob')
  const three = startClient(t, options)
  assert.deepEqual(await three.getToken('bob'), fresh, 'generateToken publishes its token too')
})

test('four servers with empty caches send about one request per user', REDIS, async (t) => {
  const { emulator, options } = await start(t)
  // A server waits for another server's lease for half of the deadline: long enough on a busy machine too.
  const patient = { ...options, deadline: 60_000 }
  const servers = await Promise.all(Array.from({ length: 4 }, () => startServer(t, patient)))
  const answers = await Promise.all(servers.map((call) => call('getToken', USERS)))
  for (const outcomes of answers) assert.ok(outcomes.every(({ token }) => token))
  const counts = USERS.map((_, index) => new Set(answers.map((tokens) => tokens[index].token)).size)
  const found = `${emulator.requests.length} requests, at most ${Math.max(...counts)} tokens for one user`
  t.diagnostic(found)
  assert.ok(emulator.requests.length <= 1010, found)
  assert.ok(Math.max(...counts) <= 2, found)
})

test('an invalidation reaches every server within a second', REDIS, async (t) => {
  const { emulator, options } = await start(t)
  const servers = await Promise.all(Array.from({ length: 4 }, () => startServer(t, options)))
  const [first] = await servers[0]('getToken', ['ada'])
  for (const call of servers) {
    const [{ token }] = await call('getToken', ['ada'])
    assert.equal(token, first.token)
  }
  await servers[3]('invalidate', ['ada'])
  const invalidatedAt = Date.now()
  for (const call of servers) {
    let token = first.token
    while (token === first.token) [{ token }] = await call('getToken', ['ada'])
    assert.ok(Date.now() - invalidatedAt < 1000, `after ${Date.now() - invalidatedAt} ms`)
  }
  assert.equal(emulator.requests.length, 2, 'the servers share the new token')
})

test('an invalidation drops a token that another server is fetching', REDIS, async (t) => {
  const { emulator, options } = await start(t)
  const [one, two] = [startClient(t, options), startClient(t, options)]
  emulator.fault({ delay: 300 })
  const pending = one.getToken('ada')
  while (emulator.requests.length === 0) await new Promise(setImmediate)
  await two.invalidate({ userId: 'ada' })
  const { token } = await two.getToken('ada')
  assert.notEqual(token, (await pending).token)
  const three = startClient(t, options)
  assert.equal((await three.getToken('ada')).token, token)
})

/** Calls `getToken` in sequence, each time for another user, until `stopped` is set. */
function load(client, deadline) {
  const state = { calls: 0, slowest: 0, failures: [], stopped: false }
  state.done = (async () => {
    while (!state.stopped) {
      const began = performance.now()
      await client
        .getToken(`load-${state.calls}`, { deadline })
        .catch((error) => state.failures.push(error))
      state.slowest = Math.max(state.slowest, performance.now() - began)
      state.calls += 1
    }
  })()
  state.calling = async (times) => {
    const enough = state.calls + times
    while (state.calls < enough) await new Promise(setImmediate)
  }
  return state
}

test(
  'while Redis is paused, killed and restarted, no call fails or is late; then sharing resumes',
  REDIS,
  async (t) => {
    const deadline = 5000
    const { redis, options } = await start(t)
    const client = startClient(t, options)
    const calls = load(client, deadline)
    await calls.calling(20)
    redis.pause()
    await calls.calling(50)
    redis.resume()
    await calls.calling(20)
    await redis.kill()
    await calls.calling(50)
    await redis.start()
    await calls.calling(20)

    // Sharing has resumed when a new client gets the token that this client fetched.
    for (let user = 0; ; user += 1) {
      const { token } = await client.getToken(`after-${user}`)
      const other = startClient(t, options)
      const shared = await other.getToken(`after-${user}`)
      if (shared.token === token) break
    }
    calls.stopped = true
    await calls.done
    assert.deepEqual(calls.failures, [])
    assert.ok(calls.slowest < deadline, `the slowest call took ${calls.slowest} ms`)
  },
)

test('a client that never reached Redis sends its requests to Velt', REDIS, async (t) => {
  const { redis, emulator, options } = await start(t)
  await redis.kill()
  const client = startClient(t, options)
  const { token } = await client.getToken('ada')
  assert.equal(emulator.verify(token).userId, 'ada')
  await client.generateToken('ada')
  await assert.rejects(client.invalidate({ userId: 'ada' }), {
    code: 'ERR_VELT_NETWORK',
    retryable: true,
    message: /Could not reach the shared cache/,
  })
  assert.equal(client.stats().entries, 0, 'this process has dropped its entry')
})

test('a server that closes while it holds the lease only delays the others', REDIS, async (t) => {
  const { emulator, options } = await start(t)
  emulator.fault({ stall: 'headers' })
  const dying = startClient(t, options)
  const call = dying.getToken('ada').catch((error) => error)
  while (emulator.requests.length === 0) await new Promise(setImmediate)
  dying.close()
  assert.equal((await call).code, 'ERR_VELT_CLOSED')
  const { token } = await startClient(t, options).getToken('ada')
  assert.equal(emulator.verify(token).userId, 'ada')
})

test('while Velt is down, a stale token of another server is served', REDIS, async (t) => {
  const { redis, emulator, options } = await start(t, { tokenLifetime: 6000 })
  const { token, expiresAt } = await startClient(t, options).getToken('ada')
  while (tokenKeys(redis).length === 0) await new Promise(setImmediate)
  // Less than half of its lifetime is left, so it does not meet the default of `minValidity`.
  while (expiresAt - Date.now() > 2400) await new Promise(setImmediate)

  await emulator.close()
  const cold = startClient(t, { ...options, maxAttempts: 1 })
  const stale = await cold.getToken('ada')
  assert.equal(stale.token, token)
  assert.deepEqual([cold.stats().staleServed, cold.stats().sharedHits], [1, 0])
})

test('Redis reveals no user, token or credential, and every key expires', REDIS, async (t) => {
  const { redis, emulator, options } = await start(t)
  const client = startClient(t, options)
  const user = { userId: 'ada-user-id', email: 'ada@acme.example', organizationId: 'acme-org' }
  const { token } = await client.getToken(user)
  await client.invalidate({ userId: 'bob-user-id' })
  const second = await client.generateToken(user)
  while (Number(redis.cli('dbsize')) < 3) await new Promise(setImmediate)

  const keys = redis.cli('--scan').trim().split('\n')
  const dumps = keys.map((key) => redis.cli('dump', key))
  const everything = [...keys, ...dumps].join('\n')
  assert.ok(keys.every((key) => key.startsWith('velt-auth:')))
  const secrets = [...Object.values(user), 'bob-user-id', emulator.apiKey, emulator.authToken]
  const parts = [...token.split('.'), ...second.token.split('.')]
  for (const secret of [...secrets, ...parts]) {
    assert.ok(!everything.includes(secret), `${secret} in Redis`)
    const encoded = Buffer.from(secret).toString('base64url').slice(2, -4)
    assert.ok(!everything.includes(encoded), `${secret} in Redis, encoded`)
  }
  for (const key of keys) assert.notEqual(redis.cli('pttl', key).trim(), '-1', `${key} never ends`)
})

test('an invalidated token stays invalid when Redis evicts the generation', REDIS, async (t) => {
  const { redis, options } = await start(t)
  const { token } = await startClient(t, options).getToken('ada')
  while (tokenKeys(redis).length === 0) await new Promise(setImmediate)
  const [kept] = tokenKeys(redis)
  await startClient(t, options).invalidate({ userId: 'ada' })
  const generation = redis.cli('--scan', '--pattern', '*:generation').trim()
  redis.cli('del', generation)
  assert.deepEqual(tokenKeys(redis), [kept], 'the token itself is still there')
  assert.notEqual((await startClient(t, options).getToken('ada')).token, token)
})

test('a generation in Redis expires after its tokens', REDIS, async (t) => {
  const { redis, options } = await start(t)
  const client = startClient(t, options)
  await client.getToken('ada')
  while (tokenKeys(redis).length === 0) await new Promise(setImmediate)
  const generation = redis.cli('--scan', '--pattern', '*:generation').trim()
  const left = (key) => Number(redis.cli('pttl', key))
  redis.cli('pexpire', generation, 60_000)
  await client.generateToken({ userId: 'ada', isAdmin: true })
  while (tokenKeys(redis).length < 2) await new Promise(setImmediate)
  for (const key of tokenKeys(redis)) assert.ok(left(generation) > left(key) + 3_000_000)
})

test('values that were moved, truncated or altered in Redis are ignored', REDIS, async (t) => {
  const { redis, emulator, options } = await start(t)
  const writer = startClient(t, options)
  await writer.getToken('ada')
  while (tokenKeys(redis).length < 1) await new Promise(setImmediate)
  const [adas] = tokenKeys(redis)
  await writer.getToken('eve')
  while (tokenKeys(redis).length < 2) await new Promise(setImmediate)
  const eves = tokenKeys(redis).find((key) => key !== adas)

  const change = (expression) => {
    const script = `local token = redis.call('hget', KEYS[1], 'token')
      redis.call('hset', KEYS[1], 'token', ${expression})`
    redis.cli('eval', script, 1, adas)
  }
  const attacks = {
    moved: () => redis.cli('copy', eves, adas, 'replace'),
    altered: () =>
      change('string.sub(token, 1, -2) .. string.char((string.byte(token, -1) + 1) % 256)'),
    cut: () => change('string.sub(token, 1, 40)'),
    garbage: () => redis.cli('set', adas, 'garbage'),
    'of another type': () =>
      redis.cli('eval', "redis.call('del', KEYS[1]) redis.call('lpush', KEYS[1], 'x')", 1, adas),
  }
  for (const [name, attack] of Object.entries(attacks)) {
    for (const key of redis.cli('--scan').trim().split('\n')) {
      if (key.endsWith(':lease')) redis.cli('del', key)
    }
    attack()
    const before = emulator.requests.length
    const { token } = await startClient(t, options).getToken('ada')
    assert.equal(emulator.verify(token).userId, 'ada', name)
    assert.equal(emulator.requests.length, before + 1, `${name}: a request is sent`)
    // The new token replaces the altered value.
    while (true) {
      const reader = startClient(t, options)
      await reader.getToken('ada')
      if (reader.stats().sharedHits === 1) break
    }
  }
})

test('clients with other credentials, versions or URLs share no tokens', REDIS, async (t) => {
  const { redis, options } = await start(t)
  const tokens = new Set()
  const { token } = await startClient(t, options).getToken('ada')
  tokens.add(token)
  for (const [emulatorOptions, changes] of [
    [{ authToken: 'other-auth-token' }, {}],
    [{ apiKey: 'other-api-key' }, {}],
    [{}, { apiVersion: 'v1' }],
    [{}, {}],
  ]) {
    const { emulator, options: theirs } = await emulate(t, emulatorOptions)
    const client = startClient(t, { ...theirs, ...changes, cache: { redis: redis.url } })
    const given = await client.getToken('ada')
    assert.equal(emulator.verify(given.token).userId, 'ada', 'a token of its own emulator')
    tokens.add(given.token)
  }
  assert.equal(tokens.size, 5)
})
