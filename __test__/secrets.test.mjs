// Clients and errors print no secret, in whatever way they are logged.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { VeltAuthClient } from 'velt-auth'
import * as express from 'velt-auth/express'
import * as fastify from 'velt-auth/fastify'
import * as web from 'velt-auth/fetch'
import * as koa from 'velt-auth/koa'
import * as node from 'velt-auth/node'
import { emulate } from './support/emulator.mjs'

const API_KEY = 'api-key-5f1c'
const AUTH_TOKEN = 'auth-token-9a7e'
const PROXY_PASSWORD = 'proxy-password-31d0'
const NEXT_AUTH_TOKEN = 'next-auth-token-77c2'
const CACHE_SECRET = 'cache-secret-0f3b-0123456789-0123456789'
const BEARER = 'bearer-token-6b2e'
const NEXT_BEARER = 'next-bearer-token-c04d'
/** The bearer token that Velt keeps in the configuration of the permission provider. */
const PROVIDER_TOKEN = 'provider-token-77e1'

const SECRETS = [
  API_KEY,
  AUTH_TOKEN,
  PROXY_PASSWORD,
  BEARER,
  NEXT_BEARER,
  PROVIDER_TOKEN,
  NEXT_AUTH_TOKEN,
  CACHE_SECRET,
]

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
  for (const secret of [...SECRETS, ...more]) {
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
    assert.equal(refusals.length, [authToken].flat().length)
    assertNoSecret(refusals)
    for (const refusal of refusals) assertNoSecret(refusal.error)
    await assert.rejects(client.permissions.add('ada', []), (reason) => {
      assertNoSecret(reason)
      return true
    })
  }
})

test('no error prints a secret, even if the response contains the credentials', async (t) => {
  const { emulator, options } = await emulate(t, { apiKey: API_KEY, authToken: AUTH_TOKEN })
  const token = 'eyJ-a-token-of-another-user'
  const quote = `The auth token ${AUTH_TOKEN} of key ${API_KEY} is unknown, ${PROVIDER_TOKEN}.`
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

test('after a reset, the client prints neither the old nor the new auth token', async (t) => {
  const { emulator, options } = await emulate(t, { apiKey: API_KEY, authToken: AUTH_TOKEN })
  const next = emulator.resetAuthToken()
  const client = new VeltAuthClient({ ...options, maxAttempts: 1 })
  t.after(() => client.close())
  const error = await client.generateToken('ada').catch((reason) => reason)
  assert.equal(error.code, 'ERR_VELT_UNAUTHORIZED')
  assertNoSecret(error, next)
  assertNoSecret(client, next)
})

test('a permission handler prints no bearer token', () => {
  for (const { veltPermissionHandler } of [express, fastify, web, koa, node]) {
    const options = { token: [BEARER, NEXT_BEARER], authorize: () => true }
    assertNoSecret(veltPermissionHandler(options))
    for (const wrong of [
      { token: `${BEARER}\n` },
      { token: [BEARER, { token: NEXT_BEARER }] },
      { token: { BEARER } },
      { token: BEARER, allowUnauthenticated: true },
      { timeout: BEARER },
      { cors: { origins: [BEARER] } },
    ]) {
      assert.throws(
        () => veltPermissionHandler({ ...options, ...wrong }),
        (error) => {
          assertNoSecret(error)
          return true
        },
      )
    }
  }
})

test('no response and no error of a permission handler contains a bearer token', async () => {
  const errors = []
  const handle = web.veltPermissionHandler({
    token: [BEARER, NEXT_BEARER],
    authorize: () => 'wrong',
    onError: (...args) => errors.push(args),
  })
  const resource = { id: 'd', type: 'document', source: 'setDocuments', organizationId: 'o' }
  const queries = [{ userId: 'ada', resource }, { userId: 'ada' }]
  const good = JSON.stringify({ data: { requests: queries } })
  const usedUp = async (request) => {
    await request.text()
    return request
  }
  const ask = async (bearer, body, prepare = async (request) => request) => {
    const headers = { authorization: `Bearer ${bearer}` }
    const request = new Request('http://localhost/', { method: 'POST', headers, body })
    const response = await handle(await prepare(request))
    assertNoSecret([...response.headers])
    assertNoSecret(await response.text())
    return response.status
  }
  assert.equal(await ask(BEARER, good), 200)
  assert.equal(await ask(NEXT_BEARER, good), 200)
  assert.equal(await ask(`${BEARER}x`, good), 401)
  assert.equal(await ask(BEARER, `${BEARER}${NEXT_BEARER}`), 400)
  assert.equal(await ask(BEARER, good, usedUp), 500)
  assert.equal(errors.length, 5)
  for (const error of errors.flat()) assertNoSecret(error)
})

test('the emulator prints no token of the permission provider, and no bearer token', async (t) => {
  const permissionProvider = { url: 'https://app.example.com/', token: PROVIDER_TOKEN }
  const { emulator } = await emulate(t, { permissionProvider })
  assertNoSecret(emulator)
  const error = await emulator
    .askPermission(emulator.url, [], { token: BEARER })
    .catch((reason) => reason)
  assert.equal(error.status, 404)
  assertNoSecret(error)
})
