// Outages of one part: a node of a cluster, a load balancer in front of Velt, a certificate. The rest
// works on. And `close()`, which leaves no connection behind.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, createServer as createTcpServer } from 'node:net'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { veltTokenHandler } from 'velt-auth/node'
import { createSelfSigned } from './support/certificates.mjs'
import { emulate, emulateWithClient } from './support/emulator.mjs'
import { startRedisCluster } from './support/redis.mjs'
import { listen, unusedPort } from './support/servers.mjs'
import { REDIS, start, startClient, tokenKeys } from './support/shared-cache.mjs'

/** A node without the log and a user there, and a user on another node. */
async function findNodes(client, nodes) {
  // This makes the log.
  await client.invalidate({ userId: 'ada' })
  const users = new Map()
  const seen = new Map(nodes.map((node) => [node, 0]))
  const hasLog = (node) => node.cli('--scan', '--pattern', '*:invalidations').trim() !== ''
  for (let index = 0; ; index += 1) {
    await client.getToken(`user-${index}`)
    const node = nodes.find((candidate) => tokenKeys(candidate).length > seen.get(candidate))
    seen.set(node, tokenKeys(node).length)
    users.set(node, `user-${index}`)
    const log = nodes.find(hasLog)
    const hung = nodes.find((candidate) => candidate !== log && users.has(candidate))
    if (log && hung && users.has(log)) {
      return { hung, userThere: users.get(hung), otherUser: users.get(log) }
    }
  }
}

test('while one master of a cluster hangs, users of the others share tokens', REDIS, async (t) => {
  const { nodes, urls } = await startRedisCluster(t)
  const { emulator, options } = await emulate(t)
  const clients = [0, 1].map(() => startClient(t, { ...options, cache: { redis: urls } }))
  const [one, two] = clients
  const { hung, userThere, otherUser } = await findNodes(one, nodes)
  for (const userId of [userThere, otherUser]) await two.getToken(userId)

  /** Both clients get the same token for a user without an entry, with one request. */
  const assertShares = async (userId, organizationId) => {
    const requests = emulator.requests.length
    const { token } = await one.getToken({ userId, organizationId })
    assert.equal((await two.getToken({ userId, organizationId })).token, token)
    assert.equal(emulator.requests.length, requests + 1)
  }
  const assertInvalidates = async (userId) => {
    const { token } = await two.getToken(userId)
    await one.invalidate({ userId })
    await pause(1000)
    assert.notEqual((await two.getToken(userId)).token, token)
  }

  hung.pause()
  const stuck = { userId: userThere, organizationId: 'while-it-hangs' }
  const [{ token }] = await Promise.all([
    one.getToken(stuck),
    assert.rejects(one.invalidate({ userId: userThere }), {
      code: 'ERR_VELT_NETWORK',
      retryable: true,
    }),
    // The requests to the node that hangs must not delay these.
    assertShares(otherUser, 'while-it-hangs').then(() => assertInvalidates(otherUser)),
  ])
  assert.equal(emulator.verify(token).userId, userThere)
  // After their timeout, too.
  await assertShares(otherUser, 'later')

  hung.resume()
  await one.invalidate({ userId: userThere })
  await assertShares(userThere, 'afterwards')
  await assertInvalidates(userThere)
})

test('close() ends the connections to Redis, also to a cluster', {
  ...REDIS,
  timeout: 30_000,
}, async (t) => {
  const { redis, options } = await start(t)
  const cluster = await startRedisCluster(t)
  for (const [nodes, cache] of [
    [[redis], options.cache],
    [cluster.nodes, { redis: cluster.urls }],
  ]) {
    const client = startClient(t, { ...options, cache })
    await client.getToken('ada')
    while (nodes.every((node) => node.connections() === 0)) await pause(10)
    client.close()
    const closedAt = performance.now()
    while (nodes.some((node) => node.connections() > 0)) await pause(10)
    assert.ok(performance.now() - closedAt < 1000)
    await assert.rejects(client.getToken('ada'), { code: 'ERR_VELT_CLOSED' })
  }
})

test('an untrusted certificate stays a permanent failure, however often it occurs', async (t) => {
  const { client } = await emulateWithClient(t, {}, { tls: await createSelfSigned() })
  const failures = []
  for (let index = 0; index < 7; index += 1) {
    const failure = await client.getToken(`user-${index}`).catch((error) => error)
    failures.push(failure)
  }
  for (const { code, retryable, attempts, retryAfter, cause } of failures) {
    assert.deepEqual(
      { code, retryable, attempts, retryAfter },
      { code: 'ERR_VELT_NETWORK', retryable: false, attempts: 1, retryAfter: undefined },
    )
    assert.match(cause.message, /UnknownIssuer|CaUsedAsEndEntity/)
  }
  const handle = veltTokenHandler({ client, identify: () => ({ userId: 'ada' }), onError() {} })
  const { url } = await listen(t, createServer(handle), 'http://127.0.0.1')
  assert.equal((await fetch(url, { method: 'POST' })).status, 502)
})

/** A load balancer: a TCP server that passes each connection on to `target`. */
async function startBalancer(t, target) {
  const port = await unusedPort()
  const sockets = new Set()
  let server

  async function open() {
    server = createTcpServer((client) => {
      const upstream = connect(target, '127.0.0.1')
      for (const socket of [client, upstream]) {
        sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => sockets.delete(socket))
      }
      client.pipe(upstream).pipe(client)
    }).listen(port, '127.0.0.1')
    await once(server, 'listening')
  }

  function kill() {
    server.close()
    for (const socket of sockets) socket.resetAndDestroy()
  }

  await open()
  t.after(kill)
  return { url: `http://127.0.0.1:${port}`, open, kill }
}

test('no call fails when a load balancer is killed for 0.3 seconds under load', async (t) => {
  const { emulator, options } = await emulate(t)
  const balancer = await startBalancer(t, Number(new URL(emulator.url).port))
  const client = startClient(t, { ...options, baseUrl: balancer.url })
  const failures = new Set()
  let calls = 0
  let isStopped = false
  const call = async () => {
    while (!isStopped) {
      calls += 1
      await client.getToken(`user-${calls}`).catch((error) => failures.add(String(error)))
    }
  }
  const callers = Array.from({ length: 64 }, call)
  const reach = async (count) => {
    while (calls < count) await pause(1)
  }
  await reach(500)
  balancer.kill()
  await pause(300)
  await balancer.open()
  await reach(calls + 500)
  isStopped = true
  await Promise.all(callers)
  t.diagnostic(`${calls} calls, ${emulator.requests.length} requests`)
  assert.deepEqual([...failures], [])
})
