// A token endpoint in a real Express app.

import assert from 'node:assert/strict'
import { createServer, request as httpRequest } from 'node:http'
import { test } from 'node:test'
import express from 'express'
import { generateVeltAuthToken, VeltAuthClient } from 'velt-auth'
import { veltTokenHandler } from 'velt-auth/express'
import { createSelfSigned } from './support/certificates.mjs'
import { emulate } from './support/emulator.mjs'
import { listen } from './support/servers.mjs'

const PATH = '/api/velt/token'

/** An app with the endpoint, behind it an emulator; `errors` collects what `onError` was told. */
async function startApp(t, { clientOptions, ...handlerOptions } = {}) {
  const { emulator, options } = await emulate(t)
  const client = new VeltAuthClient({ ...options, maxAttempts: 1, ...clientOptions })
  t.after(() => client.close())
  const errors = []
  const app = express()
  app.use(express.json())
  app.all(
    PATH,
    veltTokenHandler({
      client,
      identify: () => ({ userId: 'ada' }),
      onError: (error, req) => errors.push([error, req.path]),
      ...handlerOptions,
    }),
  )
  const { url } = await listen(t, createServer(app), 'http://127.0.0.1')
  const call = (init, query = '') => fetch(`${url}${PATH}${query}`, { method: 'POST', ...init })
  return { emulator, client, errors, call, url: `${url}${PATH}` }
}

async function assertProblem(response, status, code, retryable) {
  assert.equal(response.status, status)
  assert.equal(response.headers.get('cache-control'), 'no-store')
  assert.equal(response.headers.get('content-type'), 'application/json; charset=utf-8')
  const { error, ...rest } = await response.json()
  assert.deepEqual(rest, {})
  assert.deepEqual(Object.keys(error), ['code', 'message', 'retryable'])
  assert.deepEqual([error.code, error.retryable], [code, retryable])
  return error
}

test("the guide's endpoint, with generateVeltAuthToken", async (t) => {
  const { emulator, options } = await emulate(t)
  const app = express()
  app.get('/generate-velt-jwt-token', async (_req, res) => {
    res.json(await generateVeltAuthToken({ userId: 'ada' }, options))
  })
  const { url } = await listen(t, createServer(app), 'http://127.0.0.1')
  const token = await (await fetch(`${url}/generate-velt-jwt-token`)).json()
  assert.equal(emulator.verify(token).userId, 'ada')
})

test('POST answers the token, and nobody may store it', async (t) => {
  const { emulator, call } = await startApp(t)
  const response = await call()
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('cache-control'), 'no-store')
  const { token, expiresAt, ...rest } = await response.json()
  assert.deepEqual(rest, {})
  assert.equal(expiresAt, emulator.verify(token).exp * 1000)
})

test('identity comes from identify() alone', async (t) => {
  const sessions = { s1: { userId: 'ada', organizationId: 'acme', isAdmin: false } }
  const { emulator, call } = await startApp(t, {
    identify: async (req) => sessions[req.get('x-session')],
  })
  const spoofed = { userId: 'eve', isAdmin: true, organizationId: 'evil' }
  const response = await call(
    {
      headers: { 'x-session': 's1', 'content-type': 'application/json', ...spoofed },
      body: JSON.stringify({ ...spoofed, user: spoofed }),
    },
    `?${new URLSearchParams(spoofed)}`,
  )
  const { userId, organizationId, isAdmin } = emulator.verify((await response.json()).token)
  assert.deepEqual({ userId, organizationId, isAdmin }, sessions.s1)

  await assertProblem(await call(), 401, 'unauthenticated', false)
  assert.equal(emulator.requests.length, 1)
})

test('nobody signed in is 401', async (t) => {
  for (const nobody of [null, undefined, false]) {
    const { emulator, errors, call } = await startApp(t, { identify: () => nobody })
    await assertProblem(await call(), 401, 'unauthenticated', false)
    assert.equal(emulator.connections, 0)
    assert.deepEqual(errors, [])
  }
})

test('an identify() that fails or gives nonsense is 500, and onError is told', async (t) => {
  const bug = new Error('the session store is down')
  const fails = [
    () => {
      throw bug
    },
    () => Promise.reject(bug),
  ]
  const nonsense = ['', 7, {}, { userId: 7 }, { userId: '' }, { userId: 'ada', password: 'x' }]
  for (const identify of [...fails, ...nonsense.map((user) => () => user)]) {
    const { emulator, errors, call } = await startApp(t, { identify })
    const { message } = await assertProblem(await call(), 500, 'server_error', false)
    assert.ok(!/session store|password|userId/.test(message))
    assert.equal(errors.length, 1)
    const [[error, path]] = errors
    assert.ok(error === bug || error.code === 'ERR_VELT_INVALID_USER')
    assert.equal(path, PATH)
    assert.equal(emulator.connections, 0)
  }
})

test('other methods are 405 with Allow', async (t) => {
  const { emulator, call } = await startApp(t)
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const response = await call({ method })
    assert.equal(response.headers.get('allow'), 'POST')
    await assertProblem(response, 405, 'method_not_allowed', false)
  }
  const head = await call({ method: 'HEAD' })
  assert.deepEqual([head.status, await head.text()], [405, ''])
  assert.equal(emulator.connections, 0)
})

test('GET is an option', async (t) => {
  const { emulator, call } = await startApp(t, { methods: ['GET'] })
  const { token } = await (await call({ method: 'GET' })).json()
  assert.equal(emulator.verify(token).userId, 'ada')
  assert.equal((await call({ method: 'HEAD' })).status, 405, 'a HEAD would make a token for none')
  assert.equal((await call()).headers.get('allow'), 'GET')
})

const SECRET_WORDS = "Velt's own words: key emulator-api-key"
const error = (status) => ({ error: { status, message: SECRET_WORDS } })

/** `[fault, status, code, retryable, Retry-After]` */
const UPSTREAM = [
  [error('RESOURCE_EXHAUSTED'), 429, 'rate_limited', true, '1'],
  [{ ...error('RESOURCE_EXHAUSTED'), retryAfter: 7 }, 429, 'rate_limited', true, '7'],
  [error('UNAVAILABLE'), 503, 'unavailable', true, '1'],
  [{ status: 503, retryAfter: 30 }, 503, 'unavailable', true, '30'],
  [{ status: 502, body: '<html>' }, 503, 'unavailable', true, '1'],
  [{ reset: 'headers' }, 503, 'unavailable', true, '1'],
  [{ stall: 'headers' }, 504, 'upstream_timeout', true, null],
  [error('UNAUTHENTICATED'), 502, 'upstream_error', false, null],
  [error('INVALID_ARGUMENT'), 502, 'upstream_error', false, null],
  [{ status: 200, body: '{}' }, 502, 'upstream_error', false, null],
  [
    { status: 307, headers: { location: 'https://example.com' } },
    502,
    'upstream_error',
    false,
    null,
  ],
]

test('failures upstream become statuses that tell the browser what to do', async (t) => {
  const { emulator, errors, call } = await startApp(t, { clientOptions: { timeout: 300 } })
  for (const [fault, status, code, retryable, retryAfter] of UPSTREAM) {
    emulator.fault(fault)
    const response = await call()
    assert.equal(response.headers.get('retry-after'), retryAfter)
    const { message } = await assertProblem(response, status, code, retryable)
    assert.ok(!message.includes('Velt') && !message.includes('emulator'))
    assert.match(errors.pop()[0].code, /^ERR_VELT_/)
  }
})

test('a certificate that is not trusted is no matter of trying again', async (t) => {
  const { options } = await emulate(t, { tls: await createSelfSigned() })
  const { call } = await startApp(t, { client: new VeltAuthClient(options) })
  await assertProblem(await call(), 502, 'upstream_error', false)
})

test('a closed client is 503: another server may answer', async (t) => {
  const { client, call } = await startApp(t)
  client.close()
  await assertProblem(await call(), 503, 'unavailable', true)
})

test('a visitor who leaves cancels the request to Velt, and is no error', async (t) => {
  const { emulator, errors, url } = await startApp(t)
  emulator.fault({ stall: 'headers' })
  const visitor = httpRequest(url, { method: 'POST' })
  visitor.on('error', () => {})
  visitor.end()
  while (emulator.requests.length === 0) await new Promise(setImmediate)
  visitor.destroy()
  assert.equal(await emulator.requests[0].closed, 'aborted')
  assert.deepEqual(errors, [])
})

test('without onError, failures are logged; an onError that throws harms nobody', async (t) => {
  const { mock } = t.mock.method(console, 'error', () => {})
  const silent = await startApp(t, { onError: undefined, identify: () => 7 })
  assert.equal((await silent.call()).status, 500)
  assert.equal(mock.calls[0].arguments[0].code, 'ERR_VELT_INVALID_USER')

  const broken = new Error('a bug in onError')
  const throwing = await startApp(t, {
    identify: () => 7,
    onError: () => {
      throw broken
    },
  })
  assert.equal((await throwing.call()).status, 500)
  assert.equal(mock.calls[1].arguments[0], broken)
})

test('wrong options are refused when the handler is made', () => {
  const client = { generateToken: () => {} }
  const identify = () => null
  for (const [options, message] of [
    [{ identify }, /client is missing: pass a VeltAuthClient/],
    [{ client }, /identify is missing: pass a function that says who is signed in/],
    [{ client: {}, identify }, /options\.client must be a VeltAuthClient/],
    [{ client, identify: 'ada' }, /options\.identify must be a function/],
    [{ client, identify, methods: [] }, /options\.methods must list/],
    [{ client, identify, methods: ['PUT'] }, /options\.methods\[0\] must be 'GET' or 'POST'/],
    [{ client, identify, onError: true }, /options\.onError must be a function/],
    [{ client, identify, userId: 'ada' }, /options cannot have 'userId': its fields are/],
    [undefined, /client is missing/],
  ]) {
    assert.throws(() => veltTokenHandler(options), { code: 'ERR_VELT_CONFIG', message })
  }
})
