// One request per user for all servers, and the newest outcome counts: the lease and the order of
// requests in Redis.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emulateWithClient } from './support/emulator.mjs'
import { REDIS, start, startClient } from './support/shared-cache.mjs'

const lease = (redis) => redis.cli('--scan', '--pattern', '*:lease').trim()

/** Waits until Redis has all that `client` has sent: its commands take effect in order. */
async function settle(client, options, t) {
  await client.getToken('settled')
  const other = startClient(t, options)
  await other.getToken('settled')
  assert.equal(other.stats().sharedHits, 1)
}

test('four servers send one request when Velt takes 8 seconds', REDIS, async (t) => {
  const { emulator, options } = await start(t)
  const patient = { ...options, timeout: 9000, deadline: 20_000 }
  const clients = Array.from({ length: 4 }, () => startClient(t, patient))
  emulator.fault({ delay: 8000, times: Infinity })
  const tokens = await Promise.all(clients.map((client) => client.getToken('ada')))
  for (const token of tokens) assert.deepEqual(token, tokens[0])
  assert.equal(emulator.requests.length, 1)
})

test('a server whose lease was taken over does not end the lease of another', REDIS, async (t) => {
  const { redis, emulator, options } = await start(t)
  const client = startClient(t, options)
  emulator.fault({ delay: 1000 })
  const pending = client.getToken('ada')
  while (emulator.requests.length === 0) await new Promise(setImmediate)
  const key = lease(redis)
  redis.cli('set', key, 'another server', 'px', 60_000)
  await pending
  // A server that never held it does not end it either.
  await client.generateToken('ada')
  await settle(client, options, t)
  assert.equal(redis.cli('get', key).trim(), 'another server')
})

test('a request that fails does not end the lease of another server', REDIS, async (t) => {
  const { redis, emulator, options } = await start(t)
  const client = startClient(t, options)
  emulator.fault({ delay: 500, error: { status: 'PERMISSION_DENIED' } })
  const pending = client.getToken('ada').catch(() => {})
  while (emulator.requests.length === 0) await new Promise(setImmediate)
  const key = lease(redis)
  redis.cli('set', key, 'another server', 'px', 60_000)
  await pending
  await settle(client, options, t)
  assert.equal(redis.cli('get', key).trim(), 'another server')
})

test('a token that was requested before a rejection is not shared after it', REDIS, async (t) => {
  const { emulator, options } = await start(t)
  const [slow, rejected] = [startClient(t, options), startClient(t, options)]
  emulator.fault({ delay: 1000 })
  const pending = slow.getToken('ada')
  while (emulator.requests.length === 0) await new Promise(setImmediate)
  emulator.fault({ error: { status: 'PERMISSION_DENIED' } })
  await assert.rejects(rejected.generateToken('ada'), { code: 'ERR_VELT_UNAUTHORIZED' })
  const { token } = await pending
  await settle(slow, options, t)
  const other = startClient(t, options)
  assert.notEqual((await other.getToken('ada')).token, token)
  assert.equal(other.stats().sharedHits, 0)
})

test('a rejection does not remove a token that was requested after it', REDIS, async (t) => {
  const { emulator, options } = await start(t)
  const [slow, quick] = [startClient(t, options), startClient(t, options)]
  emulator.fault({ delay: 1000, error: { status: 'PERMISSION_DENIED' } })
  const pending = slow.getToken('ada').catch(({ code }) => code)
  while (emulator.requests.length === 0) await new Promise(setImmediate)
  const { token } = await quick.generateToken('ada')
  assert.equal(await pending, 'ERR_VELT_UNAUTHORIZED')
  await settle(slow, options, t)
  const other = startClient(t, options)
  assert.equal((await other.getToken('ada')).token, token)
})

test('in one process, the older of two outcomes does not replace the newer', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  emulator.fault({ delay: 500 })
  const pending = client.getToken('ada')
  while (emulator.requests.length === 0) await new Promise(setImmediate)
  emulator.fault({ error: { status: 'PERMISSION_DENIED' } })
  await assert.rejects(client.generateToken('ada'), { code: 'ERR_VELT_UNAUTHORIZED' })
  const { token } = await pending
  assert.notEqual((await client.getToken('ada')).token, token)
})
