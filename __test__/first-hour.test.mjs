// Wrong input and setup that are common for a new user: the message says what to do.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { VeltAuthClient } from 'velt-auth'
import { createAuthProvider, fetchVeltToken } from 'velt-auth/browser'
import { veltTokenHandler } from 'velt-auth/node'
import { emulateWithClient } from './support/emulator.mjs'
import { listen } from './support/servers.mjs'

/** Starts a token endpoint. Returns a function that sends a request and returns the problem. */
async function startEndpoint(t, options) {
  const { client } = await emulateWithClient(t)
  const handle = veltTokenHandler({ client, identify: () => 'ada', onError: () => {}, ...options })
  const { url } = await listen(t, createServer(handle), 'http://127.0.0.1')
  return async (method = 'POST') => {
    const response = await fetch(url, { method })
    return { status: response.status, ...(await response.json()).error }
  }
}

test('a user that is a number: the message says to use String()', async () => {
  const client = new VeltAuthClient({ apiKey: 'key', authToken: 'auth' })
  for (const user of [7, 7n]) {
    await assert.rejects(client.getToken(user), {
      code: 'ERR_VELT_INVALID_USER',
      message:
        'user must be a string id or an object such as { userId }, ' +
        `not ${typeof user}; use String(…).`,
    })
  }
  await assert.rejects(client.getToken(undefined), {
    message: 'user must be a string id or an object such as { userId }, not undefined.',
  })
})

test('a 405 names the methods to use', async (t) => {
  for (const [methods, message] of [
    [undefined, 'Use POST.'],
    [['GET'], 'Use GET.'],
    [['GET', 'POST'], 'Use GET or POST.'],
  ]) {
    const call = await startEndpoint(t, { methods })
    const { status, message: given } = await call('DELETE')
    assert.deepEqual([status, given], [405, message])
  }
})

test('an identify that throws: the message says that the user could not be determined', async (t) => {
  const broken = new Error('the session store is down')
  const reject = async () => {
    throw broken
  }
  const throwNow = () => {
    throw broken
  }
  for (const identify of [reject, throwNow]) {
    const errors = []
    const call = await startEndpoint(t, { identify, onError: (error) => errors.push(error) })
    assert.deepEqual(await call(), {
      status: 500,
      code: 'server_error',
      message: 'The server could not determine the user.',
      retryable: false,
    })
    assert.deepEqual(errors, [broken])
  }
})

test('an identify that makes a client with wrong options: the message names the setup', async (t) => {
  const identify = () => new VeltAuthClient({ timeOut: 5 })
  const call = await startEndpoint(t, { identify })
  const { code, message } = await call()
  assert.equal(code, 'server_error')
  assert.equal(message, 'The token endpoint is not set up correctly.')
})

test('wrong options of createAuthProvider throw a TypeError that names the option', () => {
  const user = { userId: 'ada' }
  for (const [options, message] of [
    [undefined, /options must be an object such as \{ user: \{ userId: 'ada' \} \}, not undefined/],
    [{}, /options\.user must be an object such as \{ userId: 'ada' \}, not undefined/],
    [{ user: null }, /options\.user must be an object .* not null/],
    [{ user: 'ada' }, /options\.user must be an object .* not string/],
    [{ user: [user] }, /options\.user must be an object .* not an array/],
    [{ user: {} }, /options\.user\.userId must be a string, not undefined/],
    [{ user: { userId: 7 } }, /options\.user\.userId must be a string, not number; use String/],
    [{ user: { userId: '' } }, /options\.user\.userId is empty/],
    [{ user, endpoint: 7 }, /options\.endpoint must be a string such as '\/api\/velt\/token'/],
    [{ user, endpoint: '' }, /options\.endpoint is empty/],
    [{ user, endPoint: '/token' }, /options cannot have 'endPoint': its fields are user, endpoint/],
  ]) {
    assert.throws(() => createAuthProvider(options), { name: 'TypeError', message })
  }
  createAuthProvider({ user, endpoint: undefined })
  createAuthProvider({ user: { ...user, email: undefined, plan: 'free' }, endpoint: '/token' })
})

test('wrong arguments of fetchVeltToken are a TypeError that names the argument', async () => {
  for (const [args, message] of [
    [[{ fresh: true }], /fetchVeltToken: endpoint must be a string .* not object/],
    [[''], /fetchVeltToken: endpoint is empty/],
    [['/token', true], /fetchVeltToken: options must be an object such as \{ fresh: true \}/],
    [['/token', { fress: true }], /options cannot have 'fress': its fields are fresh/],
  ]) {
    await assert.rejects(fetchVeltToken(...args), { name: 'TypeError', message })
  }
})
