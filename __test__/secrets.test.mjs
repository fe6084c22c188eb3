// Clients and errors print no secret, in whatever way they are logged.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { VeltAuthClient } from 'velt-auth'
import { emulate } from './support/emulator.mjs'

const API_KEY = 'api-key-5f1c'
const AUTH_TOKEN = 'auth-token-9a7e'
const PROXY_PASSWORD = 'proxy-password-31d0'
const NEXT_AUTH_TOKEN = 'next-auth-token-77c2'
const CACHE_SECRET = 'cache-secret-0f3b-0123456789-0123456789'

/** The ways in which a logger may print a value. */
function allPrinted(value) {
  const everything = { depth: Infinity, showHidden: true, getters: true }
  const texts = [inspect(value, everything), String(value), JSON.stringify(value) ?? '']
  for (let error = value; error instanceof Error; error = error.cause) {
    texts.push(error.stack, error.message, JSON.stringify({ ...error }))
  }
  return texts.join('\n')
}

function assertNoSecret(value, ...more) {
  const printed = allPrinted(value)
  for (const secret of [
    API_KEY,
    AUTH_TOKEN,
    PROXY_PASSWORD,
    NEXT_AUTH_TOKEN,
    CACHE_SECRET,
    ...more,
  ]) {
    assert.ok(!printed.includes(secret), `${secret} in ${printed}`)
  }
}

test('a client and its stats print no secret', () => {
  const proxy = `http://user:${PROXY_PASSWORD}@127.0.0.1:1`
  const client = new VeltAuthClient({ apiKey: API_KEY, authToken: AUTH_TOKEN, proxy })
  assertNoSecret(client)
  assertNoSecret(client.stats())
  assert.match(inspect(client), /VeltAuthClient/)
})

test('a client with several auth tokens, and its refusals, print no secret', async (t) => {
  const { emulator, options } = await emulate(t, { apiKey: API_KEY })
  const cache = { redis: 'redis://127.0.0.1:1', secret: CACHE_SECRET }
  for (const authToken of [[AUTH_TOKEN, NEXT_AUTH_TOKEN], async () => NEXT_AUTH_TOKEN]) {
    const refusals = []
    const client = new VeltAuthClient({
      ...options,
      authToken,
      cache,
      maxAttempts: 1,
      onCredentialRefused: (refusal) => refusals.push(refusal),
    })
    t.after(() => client.close())
    const message = `${AUTH_TOKEN} and ${NEXT_AUTH_TOKEN} are unknown.`
    emulator.fault({ error: { status: 'PERMISSION_DENIED', message }, times: 2 })
    const error = await client.generateToken('ada').catch((reason) => reason)
    assert.equal(error.code, 'ERR_VELT_UNAUTHORIZED')
    for (const value of [client, client.permissions, client.stats(), error]) assertNoSecret(value)
    assert.equal(refusals.length, 1)
    assertNoSecret(refusals)
    assertNoSecret(refusals[0].error)
    await assert.rejects(client.permissions.add('ada', []), (reason) => {
      assertNoSecret(reason)
      return true
    })
  }
})

test('no error prints a secret, even if the response contains the credentials', async (t) => {
  const { emulator, options } = await emulate(t, { apiKey: API_KEY, authToken: AUTH_TOKEN })
  const token = 'eyJ-a-token-of-another-user'
  const quote = `The auth token ${AUTH_TOKEN} of key ${API_KEY} is unknown.`
  const faults = [
    ...['INVALID_ARGUMENT', 'PERMISSION_DENIED', 'INTERNAL', 'RESOURCE_EXHAUSTED'].map(
      (status) => ({
        error: { status, message: quote, details: [{ quote }] },
      }),
    ),
    {
      error: {
        status: 'INTERNAL',
        message: AUTH_TOKEN.replace('', '\u0007').replace(/(?<=.{4})/, '\n'),
      },
    },
    { status: 400, body: JSON.stringify({ error: { message: '', status: AUTH_TOKEN } }) },
    { status: 502, body: `<html>${quote}${token}</html>` },
    { status: 200, body: `{"result":{"data":{"token":{"value":"${token}"}}}}` },
    { status: 200, body: `${quote}${token}` },
    { status: 302, headers: { location: `https://example.com/?token=${AUTH_TOKEN}` } },
    { reset: 'headers' },
    { truncate: true },
    { stall: 'headers' },
  ]
  for (const apiVersion of ['v1', 'v2']) {
    const client = new VeltAuthClient({ ...options, apiVersion, maxAttempts: 1, timeout: 200 })
    for (const fault of faults) {
      emulator.fault(fault)
      const error = await client.generateToken('ada').catch((reason) => reason)
      assert.ok(error instanceof Error)
      assertNoSecret(error, token)
    }
  }
})

test('errors about invalid options do not print the values', () => {
  for (const options of [
    { apiKey: `${API_KEY}\n`, authToken: AUTH_TOKEN },
    { apiKey: API_KEY, authToken: `${AUTH_TOKEN} ` },
    { apiKey: API_KEY, authToken: [AUTH_TOKEN, `${NEXT_AUTH_TOKEN}\n`] },
    { apiKey: API_KEY, authToken: [AUTH_TOKEN, NEXT_AUTH_TOKEN, AUTH_TOKEN] },
    { apiKey: API_KEY, authToken: { AUTH_TOKEN } },
    { apiKey: API_KEY, authToken: AUTH_TOKEN, cache: { secret: CACHE_SECRET.slice(0, 31) } },
    { apiKey: API_KEY, authToken: AUTH_TOKEN, cache: { secret: [CACHE_SECRET] } },
    { apiKey: API_KEY, authToken: AUTH_TOKEN, baseUrl: `https://x:${AUTH_TOKEN}@api.velt.dev` },
    { apiKey: API_KEY, authToken: AUTH_TOKEN, proxy: `socks5://x:${PROXY_PASSWORD}@127.0.0.1` },
    { apiKey: API_KEY, authToken: AUTH_TOKEN, ca: AUTH_TOKEN },
    { apiKey: API_KEY, authToken: AUTH_TOKEN, apiVersion: AUTH_TOKEN },
  ]) {
    assert.throws(
      () => new VeltAuthClient(options),
      (error) => {
        assertNoSecret(error)
        return true
      },
    )
  }
})
