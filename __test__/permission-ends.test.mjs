// Permissions that end, in tokens: `expiresIn` and `expiresAt` of a resource.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emulateWithClient } from './support/emulator.mjs'
import { REDIS, start, startClient, tokenKeys } from './support/shared-cache.mjs'

const DOCUMENT = { type: 'document', id: 'plan', organizationId: 'acme' }

/** A user with a permission for a document. */
const permitted = (fields) => ({
  userId: 'ada',
  permissions: { resources: [{ ...DOCUMENT, ...fields }] },
})

const until = (time) => new Promise((resolve) => setTimeout(resolve, time - Date.now() + 1))

test('100 calls for a user with expiresIn send one request, with the end of the permission', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const began = Math.floor(Date.now() / 1000)
  const user = permitted({ expiresIn: 3600, accessRole: 'viewer' })
  const first = await client.getToken(user)
  const ended = Math.floor(Date.now() / 1000)
  while (Date.now() < (ended + 2) * 1000) {
    assert.deepEqual(await client.getToken(user), first)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  assert.equal(emulator.requests.length, 1)
  const [{ expiresAt, ...resource }] = emulator.verify(first.token).permissions.resources
  assert.deepEqual(resource, { ...DOCUMENT, accessRole: 'viewer' })
  assert.ok(expiresAt >= began + 3600 && expiresAt <= ended + 3600)
  assert.equal(first.expiresAt, expiresAt * 1000)
})

test('a token ends with the earliest end of its permissions', async (t) => {
  const { client } = await emulateWithClient(t)
  const fixed = Math.floor(Date.now() / 1000) + 600
  const resources = [
    { type: 'organization', id: 'acme' },
    { ...DOCUMENT, expiresAt: fixed },
    { ...DOCUMENT, id: 'other', expiresIn: 900 },
  ]
  const user = { userId: 'ada', permissions: { resources } }
  assert.equal((await client.getToken(user)).expiresAt, fixed * 1000)
  assert.equal((await client.generateToken(user)).expiresAt, fixed * 1000)
})

test('a token is refreshed before its permission ends, and not served afterwards, even in an outage', async (t) => {
  const { emulator, client } = await emulateWithClient(t, { maxAttempts: 1 })
  const user = permitted({ expiresIn: 8 })
  const first = await client.getToken(user)
  let last = first
  while (last.token === first.token) {
    last = await client.getToken(user)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  assert.ok(Date.now() < first.expiresAt)
  assert.equal(client.stats().refreshes, 1, 'no call waited')
  assert.ok(last.expiresAt > first.expiresAt)

  await emulator.close()
  await until(last.expiresAt - 1500)
  assert.deepEqual(await client.getToken(user), last)
  await until(last.expiresAt)
  await assert.rejects(client.getToken(user, { minValidity: 0 }), { code: 'ERR_VELT_NETWORK' })
})

test('servers that share a cache agree on the end of a permission', REDIS, async (t) => {
  const { redis, emulator, options } = await start(t)
  const [one, two] = [startClient(t, options), startClient(t, { ...options, maxAttempts: 1 })]
  const user = permitted({ expiresIn: 5 })
  const first = await one.getToken(user)
  while (tokenKeys(redis).length === 0) await new Promise(setImmediate)
  assert.deepEqual(await two.getToken(user), first)
  assert.equal(two.stats().sharedHits, 1)
  assert.equal(emulator.requests.length, 1)

  await emulator.close()
  await until(first.expiresAt - 1500)
  assert.deepEqual(await two.getToken(user), first, 'a valid token is served in an outage')
  await until(first.expiresAt)
  const cold = startClient(t, { ...options, maxAttempts: 1 })
  for (const client of [two, cold]) {
    await assert.rejects(client.getToken(user, { minValidity: 0 }), { code: 'ERR_VELT_NETWORK' })
  }
})
