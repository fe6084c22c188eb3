// Clients and errors print no secret, in whatever way they are logged.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { VeltAuthClient } from 'velt-auth'
import { emulate } from './support/emulator.mjs'

const API_KEY = 'api-key-5f1c'
const AUTH_TOKEN = 'auth-token-9a7e'
const PROXY_PASSWORD = 'proxy-password-31d0'

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
  for (const secret of [API_KEY, AUTH_TOKEN, PROXY_PASSWORD, ...more]) {
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
    // Twice: a request is sent again if its connection, used before, is closed without a response.
    { reset: 'headers', times: 2 },
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
    { apiKey: API_KEY, authToken: [AUTH_TOKEN] },
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
