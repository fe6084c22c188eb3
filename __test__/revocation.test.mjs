// After `invalidate`, no server serves an older token of the user, whatever happens to Redis or to the
// servers. The servers that miss the invalidation are child processes, which the tests stop.

import assert from 'node:assert/strict'
import { connect, createServer } from 'node:net'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { emulate } from './support/emulator.mjs'
import { startRedis, startSentinel } from './support/redis.mjs'
import { listen } from './support/servers.mjs'
import { REDIS, start, startClient, startServer, tokenKeys } from './support/shared-cache.mjs'

/** The promise holds from one second after `invalidate`, or after Redis can be reached again. */
const oneSecond = () => pause(1000)

/**
 * A TCP proxy in front of Redis. `delay` is its latency in each direction. After `cut`, the connections
 * that exist stay open and carry nothing, as when a NAT gateway has forgotten them.
 */
async function startProxy(t, redis, delay) {
  let cuts = 0
  const proxy = createServer((client) => {
    const madeAt = cuts
    const server = connect(redis.port, '127.0.0.1')
    const carry = (from, to) => {
      from.on('error', () => {})
      from.on('data', async (data) => {
        await pause(delay)
        if (madeAt === cuts) to.write(data)
      })
    }
    carry(client, server)
    carry(server, client)
  })
  const { port } = await listen(t, proxy, '')
  const cut = () => {
    cuts += 1
  }
  return { url: `redis://127.0.0.1:${port}`, cut }
}

/** Starts servers that all have the same token of ada. Returns it, the servers and a client. */
async function startFleet(t, options, count) {
  const client = startClient(t, options)
  const { token } = await client.getToken('ada')
  const servers = await Promise.all(Array.from({ length: count }, () => startServer(t, options)))
  for (const server of servers) assert.equal(await adasToken(server), token)
  return { client, token, servers }
}

async function adasToken(server) {
  const [outcome] = await server('getToken', ['ada'])
  return outcome.token
}

/** Resumes a server. Neither its first call nor a call a second later may return `token`. */
async function assertDropsAfterStop(server, token) {
  const first = adasToken(server)
  server.resume()
  await first
  await oneSecond()
  assert.notEqual(await adasToken(server), token, 'a second after a server is resumed')
  assert.notEqual(await first, token, 'the first call after a server is resumed')
}

for (const [state, isSaved] of [
  ['empty', false],
  ['with a snapshot from before the invalidation', true],
]) {
  test(`a token stays invalid when Redis restarts ${state}`, REDIS, async (t) => {
    const { redis, options } = await start(t)
    const { client, token, servers } = await startFleet(t, options, 2)
    const [stopped, cutOff] = servers
    if (isSaved) redis.cli('save')
    for (const server of servers) server.pause()
    await client.invalidate({ userId: 'ada' })
    await redis.kill()
    cutOff.resume()
    await adasToken(cutOff)
    await redis.start()
    await oneSecond()
    const cold = startClient(t, options)
    assert.notEqual((await cold.getToken('ada')).token, token, 'a new server')
    assert.notEqual((await client.getToken('ada')).token, token, 'the server that invalidated')
    assert.notEqual(await adasToken(cutOff), token, 'a server that was cut off')
    await assertDropsAfterStop(stopped, token)
  })
}

test('a token stays invalid when 10,300 invalidations trim the log', REDIS, async (t) => {
  const { options } = await start(t)
  const { client, token, servers } = await startFleet(t, options, 1)
  const [stopped] = servers
  stopped.pause()
  await client.invalidate({ userId: 'ada' })
  const others = Array.from({ length: 10_300 }, (_, index) => `user-${index}`)
  await Promise.all(others.map((userId) => client.invalidate({ userId })))
  await oneSecond()
  await assertDropsAfterStop(stopped, token)
})

const LOSSES = {
  deleted: (redis) => redis.cli('del', redis.cli('--scan', '--pattern', '*:invalidations').trim()),
  evicted: (redis) => {
    redis.cli('config', 'set', 'maxmemory-policy', 'allkeys-lru')
    redis.cli('config', 'set', 'maxmemory', 1)
    while (redis.cli('dbsize').trim() !== '0');
    redis.cli('config', 'set', 'maxmemory', 0)
  },
  flushed: (redis) => redis.cli('flushall'),
}

for (const [loss, lose] of Object.entries(LOSSES)) {
  test(`a token stays invalid when the log is ${loss}`, REDIS, async (t) => {
    const { redis, options } = await start(t)
    const { client, token, servers } = await startFleet(t, options, 1)
    const [stopped] = servers
    stopped.pause()
    await client.invalidate({ userId: 'ada' })
    lose(redis)
    // The log begins again.
    await client.invalidate({ userId: 'bob' })
    await oneSecond()
    await assertDropsAfterStop(stopped, token)
  })
}

/** Starts a master, a replica and a Sentinel. */
async function startReplicated(t) {
  const master = await startRedis(t, { after: ['--repl-diskless-sync-delay', 0] })
  const replica = await startRedis(t)
  replica.cli('replicaof', '127.0.0.1', master.port)
  while (!replica.cli('info', 'replication').includes('master_link_status:up'));
  const sentinel = await startSentinel(t, master)
  const { emulator, options } = await emulate(t)
  const cache = { redis: 'redis://mymaster', sentinels: [sentinel.url] }
  /** Until Sentinel knows the replica, and the replica has the token. */
  const isReplicated = async () => {
    const address = `127.0.0.1:${replica.port}`
    while (!sentinel.cli('sentinel', 'replicas', 'mymaster').includes(address)) await pause(10)
    while (replica.cli('dbsize') !== master.cli('dbsize')) await pause(10)
  }
  return { master, replica, isReplicated, emulator, options: { ...options, cache } }
}

test('a token stays invalid after a failover that loses the invalidation', REDIS, async (t) => {
  const { master, replica, isReplicated, emulator, options } = await startReplicated(t)
  const { client, token, servers } = await startFleet(t, options, 2)
  const [stopped, working] = servers
  await isReplicated()

  // The replica misses the invalidation.
  replica.cli('replicaof', '127.0.0.1', 1)
  for (const server of servers) server.pause()
  await client.invalidate({ userId: 'ada' })
  await master.kill()
  working.resume()
  let calls = 0
  // Until the two servers that work have found the new master.
  while (replica.connections() < 2) {
    const users = Array.from({ length: 20 }, (_, index) => `load-${calls + index}`)
    const outcomes = await working('getToken', users)
    for (const { code } of outcomes) assert.equal(code, undefined, 'calls do not fail meanwhile')
    calls += users.length
  }
  t.diagnostic(`${calls} calls during the failover`)
  stopped.resume()
  while (replica.connections() < 3) await pause(10)
  await oneSecond()
  for (const server of servers) assert.notEqual(await adasToken(server), token)
  assert.notEqual((await client.getToken('ada')).token, token, 'the server that invalidated')
  const requests = emulator.requests.length
  const shared = await client.getToken('ada')
  assert.deepEqual(await startClient(t, options).getToken('ada'), shared, 'sharing has resumed')
  assert.equal(emulator.requests.length, requests)
})

test('an old master that comes back brings no token back', REDIS, async (t) => {
  const { master, replica, isReplicated, options } = await startReplicated(t)
  // Without this, the old master accepts commands until Sentinel makes it a replica, for 10 seconds.
  master.cli('config', 'set', 'min-replicas-to-write', 1)
  const { client, token, servers } = await startFleet(t, options, 1)
  const [stopped] = servers
  await isReplicated()
  stopped.pause()
  master.pause()
  while (!replica.cli('role').includes('master')) await pause(10)
  while (replica.connections() === 0) await client.getToken('bob')
  await client.invalidate({ userId: 'ada' })
  await oneSecond()
  master.resume()
  stopped.resume()
  // Not its first call: the old master may read the command before it notices that the replica left.
  await oneSecond()
  assert.notEqual(await adasToken(stopped), token)
})

for (const [name, delay, isCut] of [
  ['a dead connection', 0, true],
  ['a slow connection', 30, false],
]) {
  test(
    `a stopped server with ${name} to Redis returns no old token when it is resumed`,
    REDIS,
    async (t) => {
      const { redis, options } = await start(t)
      const proxy = await startProxy(t, redis, delay)
      const client = startClient(t, options)
      const { token } = await client.getToken('ada')
      while (tokenKeys(redis).length === 0) await pause(10)
      const server = await startServer(t, { ...options, cache: { redis: proxy.url } })
      assert.equal(await adasToken(server), token)

      server.pause()
      await client.invalidate({ userId: 'ada' })
      await oneSecond()
      if (isCut) proxy.cut()
      const calls = server('getToken', [
        ['ada', { deadline: 80 }],
        'ada',
        ['ada', { deadline: 80 }],
      ])
      server.resume()
      for (const outcome of await calls) assert.notEqual(outcome.token, token)
      assert.notEqual(await adasToken(server), token)
    },
  )
}
