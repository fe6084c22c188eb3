// An AbortSignal that is aborted before, during and after a call.

import assert from 'node:assert/strict'
import { getEventListeners, once } from 'node:events'
import { test } from 'node:test'
import { generateVeltAuthToken, VeltAuthClient } from 'velt-auth'
import { emulate, emulateWithClient } from './support/emulator.mjs'
import { startRawServer } from './support/servers.mjs'

test('a signal that is already aborted rejects the call with its reason, and sends nothing', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const reason = new Error('no longer wanted')
  await assert.rejects(client.generateToken('ada', { signal: AbortSignal.abort(reason) }), reason)
  await assert.rejects(client.generateToken('ada', { signal: AbortSignal.abort() }), {
    name: 'AbortError',
  })
  assert.equal(emulator.connections, 0)
})

test('an abort during the request rejects the call at once, and closes the connection', async (t) => {
  const closed = []
  const controller = new AbortController()
  const reason = { why: 'the visitor left' }
  const { url } = await startRawServer(t, (socket) => {
    closed.push(once(socket, 'close'))
    controller.abort(reason)
  })
  const client = new VeltAuthClient({ apiKey: 'k', authToken: 'a', baseUrl: url })
  const outcome = await client
    .generateToken('ada', { signal: controller.signal })
    .catch((error) => error)
  assert.equal(outcome, reason)
  assert.equal(closed.length, 1, 'it was not retried')
  await closed[0]
})

test('an abort during the wait between two attempts ends the call without another attempt', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  emulator.fault({ status: 503, retryAfter: 10 })
  const controller = new AbortController()
  const call = client.generateToken('ada', { signal: controller.signal })
  while (emulator.requests[0]?.status === undefined) await new Promise(setImmediate)
  controller.abort()
  await assert.rejects(call, { name: 'AbortError' })
  assert.equal(emulator.requests.length, 1)
})

test('AbortSignal.timeout rejects the call with a TimeoutError', async (t) => {
  const { emulator, options } = await emulate(t)
  emulator.fault({ stall: 'headers' })
  const call = generateVeltAuthToken('ada', { ...options, signal: AbortSignal.timeout(50) })
  await assert.rejects(call, { name: 'TimeoutError' })
})

test('an abort after the call has no effect, and the signal keeps no listener', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const controller = new AbortController()
  const { token } = await client.generateToken('ada', { signal: controller.signal })
  assert.equal(emulator.verify(token).userId, 'ada')
  emulator.fault({ error: { status: 'NOT_FOUND' } })
  await assert.rejects(client.generateToken('ada', { signal: controller.signal }))
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0)
  controller.abort()
})

test('20 calls share one signal without a warning', async (t) => {
  const { client } = await emulateWithClient(t)
  const warnings = []
  const warn = (warning) => warnings.push(warning.message)
  process.on('warning', warn)
  t.after(() => process.off('warning', warn))
  const { signal } = new AbortController()
  const users = Array.from({ length: 20 }, (_, index) => `user-${index}`)
  await Promise.all(users.map((user) => client.getToken(user, { signal })))
  await new Promise(setImmediate)
  assert.deepEqual(warnings, [])
})

test('an abort does not cancel another call for the same user', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  emulator.fault({ delay: 200, times: 2 })
  const controller = new AbortController()
  const aborted = client.generateToken('ada', { signal: controller.signal })
  const kept = client.generateToken('ada')
  while (emulator.requests.length < 2) await new Promise(setImmediate)
  controller.abort()
  await assert.rejects(aborted, { name: 'AbortError' })
  assert.equal(emulator.verify((await kept).token).userId, 'ada')
})
