// Kinds of Redis servers: a cluster, a master with Sentinels, TLS, and a server that never responds.

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAuthority } from './support/certificates.mjs'
import { emulate } from './support/emulator.mjs'
import { temporaryFolder } from './support/processes.mjs'
import { startRedis, startRedisCluster, startSentinel } from './support/redis.mjs'
import { listen, unusedPort } from './support/servers.mjs'
import { REDIS, start, startClient, tokenKeys } from './support/shared-cache.mjs'

test('clients share tokens through a Redis Cluster of three nodes', REDIS, async (t) => {
  const { urls } = await startRedisCluster(t)
  const { emulator, options } = await emulate(t)
  const one = startClient(t, { ...options, cache: { redis: urls } })
  // One node is enough to find the others.
  const two = startClient(t, { ...options, cache: { redis: urls.slice(0, 1) } })
  const users = Array.from({ length: 50 }, (_, index) => `user-${index}`)
  const fetched = await Promise.all(users.map((user) => one.getToken(user)))
  const shared = await Promise.all(users.map((user) => two.getToken(user)))
  assert.deepEqual(shared, fetched)
  assert.equal(emulator.requests.length, 50)

  await one.invalidate({ userId: users[0] })
  const invalidatedAt = Date.now()
  let { token } = fetched[0]
  while (token === fetched[0].token) ({ token } = await two.getToken(users[0]))
  assert.ok(Date.now() - invalidatedAt < 1000)
})

test('clients share tokens through a master that a Sentinel names', REDIS, async (t) => {
  const { redis, emulator, options } = await start(t)
  const sentinel = await startSentinel(t, redis)
  const cache = { redis: 'redis://mymaster', sentinels: [sentinel.url] }
  const one = startClient(t, { ...options, cache })
  const fetched = await one.getToken('ada')
  while (tokenKeys(redis).length === 0) await new Promise(setImmediate)
  assert.deepEqual(await startClient(t, { ...options, cache }).getToken('ada'), fetched)
  assert.equal(emulator.requests.length, 1)
})

test('clients share tokens through a Redis with TLS and a password', REDIS, async (t) => {
  const authority = await createAuthority()
  const { key, cert } = await authority.issue()
  const folder = await temporaryFolder(t)
  for (const [name, pem] of Object.entries({ key, cert, ca: authority.pem })) {
    await writeFile(`${folder}/${name}.pem`, pem)
  }
  const redis = await startRedis(t)
  const port = await unusedPort()
  for (const [name, value] of [
    ['tls-cert-file', `${folder}/cert.pem`],
    ['tls-key-file', `${folder}/key.pem`],
    ['tls-ca-cert-file', `${folder}/ca.pem`],
    ['tls-auth-clients', 'no'],
    ['tls-port', port],
  ]) {
    redis.cli('config', 'set', name, value)
  }
  redis.cli('acl', 'setuser', 'velt', 'on', '>pass word', '~velt-auth:*', '+@all')
  const tls = await authority.issue()
  const { emulator, options } = await emulate(t, { tls })
  const cache = { redis: `rediss://velt:pass%20word@localhost:${port}/0` }
  const trusting = { ...options, ca: authority.pem, cache }
  const fetched = await startClient(t, trusting).getToken('ada')
  while (tokenKeys(redis).length === 0) await new Promise(setImmediate)
  assert.deepEqual(await startClient(t, trusting).getToken('ada'), fetched)
  assert.equal(emulator.requests.length, 1)
})

test('calls keep their deadline while Redis does not respond', async (t) => {
  const { emulator, options } = await emulate(t)
  const { port } = await listen(t, createServer(), '')
  const cache = { redis: `redis://127.0.0.1:${port}` }
  for (const call of ['generateToken', 'getToken']) {
    const client = startClient(t, { ...options, cache })
    const users = Array.from({ length: 5 }, (_, index) => `${call}-${index}`)
    const tokens = await Promise.all(users.map((user) => client[call](user, { deadline: 1500 })))
    for (const { token } of tokens) assert.ok(users.includes(emulator.verify(token).userId))
  }
})

test('a busy Redis, whose responses are late, keeps its connection', REDIS, async (t) => {
  const { redis, emulator, options } = await start(t)
  const proxy = createServer((client) => {
    const server = connect(redis.port, '127.0.0.1')
    for (const socket of [client, server]) socket.on('error', () => {})
    client.pipe(server)
    server.on('data', async (bytes) => {
      server.pause()
      // About one response each 10 ms, so that the log is read later than 300 ms after the command.
      for (let start = 0; start < bytes.length; start += 150) {
        client.write(bytes.subarray(start, start + 150))
        await sleep(10)
      }
      server.resume()
    })
    t.after(() => server.destroy())
  })
  let connections = 0
  proxy.on('connection', () => {
    connections += 1
  })
  const { url } = await listen(t, proxy, 'redis://127.0.0.1')
  const client = startClient(t, { ...options, cache: { redis: url } })
  await client.getToken('ada')
  const users = Array.from({ length: 100 }, (_, index) => `user-${index}`)
  const fetched = await Promise.all(users.map((user) => client.getToken(user)))
  assert.equal(connections, 1)
  while (tokenKeys(redis).length < 101) await new Promise(setImmediate)
  const other = startClient(t, options)
  assert.deepEqual(await Promise.all(users.map((user) => other.getToken(user))), fetched)
  assert.equal(emulator.requests.length, 101)
})
