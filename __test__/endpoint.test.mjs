// Errors and options of the token endpoint. Its responses are tested in frameworks.test.mjs.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import express from 'express'
import { generateVeltAuthToken, VeltAuthClient } from 'velt-auth'
import { veltTokenHandler } from 'velt-auth/node'
import { createSelfSigned } from './support/certificates.mjs'
import { emulate, emulateWithClient } from './support/emulator.mjs'
import { listen } from './support/servers.mjs'

/** Starts a server that has only the token endpoint, and returns a function that calls it. */
async function startEndpoint(t, options) {
  const handle = veltTokenHandler({ identify: () => ({ userId: 'ada' }), ...options })
  const { url } = await listen(t, createServer(handle), 'http://127.0.0.1')
  return (headers) => fetch(url, { method: 'POST', headers })
}

async function assertProblem(response, status, code) {
  assert.equal(response.status, status)
  assert.equal((await response.json()).error.code, code)
}

test("the endpoint of Velt's guide returns a token of generateVeltAuthToken", async (t) => {
  const { emulator, options } = await emulate(t)
  const app = express()
  app.get('/generate-velt-jwt-token', async (_req, res) => {
    res.json(await generateVeltAuthToken({ userId: 'ada' }, options))
  })
  const { url } = await listen(t, createServer(app), 'http://127.0.0.1')
  const token = await (await fetch(`${url}/generate-velt-jwt-token`)).json()
  assert.equal(emulator.verify(token).userId, 'ada')
})

test('an untrusted certificate is a 502 that the browser does not retry', async (t) => {
  const { options } = await emulate(t, { tls: await createSelfSigned() })
  const errors = []
  const onError = (error) => errors.push(error.code)
  const call = await startEndpoint(t, { client: new VeltAuthClient(options), onError })
  await assertProblem(await call(), 502, 'upstream_error')
  assert.deepEqual(errors, ['ERR_VELT_NETWORK'])
})

test('no-cache requests of one visitor cause few requests to Velt', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const call = await startEndpoint(t, { client })
  const requestNew = async () => {
    const { token } = await (await call({ 'cache-control': 'no-cache' })).json()
    return token
  }
  const [first, ...others] = await Promise.all(Array.from({ length: 500 }, requestNew))
  assert.ok(others.every((token) => token === first))
  assert.equal(emulator.requests.length, 1)
  // The token becomes older than 10 seconds.
  let newest = first
  while (newest === first) {
    await new Promise((resolve) => setTimeout(resolve, 500))
    newest = await requestNew()
  }
  assert.equal(emulator.requests.length, 2)
})

test('a closed client is a 503, so that the browser retries on another server', async (t) => {
  const { client } = await emulateWithClient(t)
  const call = await startEndpoint(t, { client, onError: () => {} })
  client.close()
  await assertProblem(await call(), 503, 'unavailable')
})

test('failures are logged without onError, and errors of onError are logged too', async (t) => {
  const { mock } = t.mock.method(console, 'error', () => {})
  const { client } = await emulateWithClient(t)
  const identify = () => 7
  const silent = await startEndpoint(t, { client, identify })
  await assertProblem(await silent(), 500, 'server_error')
  assert.equal(mock.calls[0].arguments[0].code, 'ERR_VELT_INVALID_USER')

  const broken = new Error('a bug in onError')
  const throws = () => {
    throw broken
  }
  const rejects = async () => throws()
  for (const onError of [throws, rejects]) {
    mock.resetCalls()
    const throwing = await startEndpoint(t, { client, identify, onError })
    await assertProblem(await throwing(), 500, 'server_error')
    // The original error must not be lost.
    const [original, fromOnError] = mock.calls.map((call) => call.arguments[0])
    assert.equal(original.code, 'ERR_VELT_INVALID_USER')
    assert.equal(fromOnError, broken)
    assert.equal(mock.calls.length, 2)
  }
})

test('the handler does not write to a response that other code has already sent', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const handle = veltTokenHandler({ client, identify: () => 'ada' })
  const outcomes = []
  const impatient = createServer((req, res) => {
    emulator.fault({ delay: 50 })
    outcomes.push(handle(req, res))
    res.writeHead(503).end('too late')
  })
  const { url } = await listen(t, impatient, 'http://127.0.0.1')
  const response = await fetch(url, { method: 'POST' })
  assert.deepEqual([response.status, await response.text()], [503, 'too late'])
  assert.deepEqual(await Promise.all(outcomes), [undefined])
})

test('invalid options throw when the handler is created', () => {
  const client = new VeltAuthClient({ apiKey: 'key', authToken: 'auth' })
  const identify = () => null
  const PAGE = 'https://app.example.com'
  const cors = (cors) => ({ client, identify, cors })
  for (const [options, message] of [
    [{ identify }, /client is missing: pass a VeltAuthClient/],
    [{ client }, /identify is missing: pass a function that returns the signed-in user/],
    [{ client: {}, identify }, /options\.client must be a VeltAuthClient/],
    [{ client, identify: 'ada' }, /options\.identify must be a function/],
    [{ client, identify, methods: [] }, /options\.methods must list/],
    [{ client, identify, methods: ['PUT'] }, /options\.methods\[0\] must be 'GET' or 'POST'/],
    [{ client, identify, onError: true }, /options\.onError must be a function/],
    [{ client, identify, userId: 'ada' }, /options cannot have 'userId': its fields are/],
    [cors(true), /options\.cors must be an object, not boolean/],
    [cors({}), /options\.cors\.origins is missing/],
    [cors({ origins: PAGE }), /options\.cors\.origins must be an array, not string/],
    [cors({ origins: [] }), /options\.cors\.origins is empty: list origins, or leave out cors/],
    [cors({ origins: ['*'], credentials: true }), /cannot have the origin '\*' with credentials/],
    [cors({ origins: ['*', PAGE] }), /cannot have '\*' together with other origins/],
    [cors({ origins: [PAGE, 'null'] }), /options\.cors\.origins\[1\] must be an origin/],
    [cors({ origins: ['app.example.com'] }), /origins\[0\] must be an origin/],
    [cors({ origins: [`${PAGE}/`] }), /without a path, a '\/' at the end/],
    [cors({ origins: [`${PAGE}:443/app`] }), /without a path, a '\/' at the end/],
    [cors({ origins: ['https://*.example.com'] }), /options\.cors\.origins\[0\] must be/],
    [cors({ origins: [7] }), /options\.cors\.origins\[0\] must be a string/],
    [cors({ origins: [PAGE], credentials: 'include' }), /options\.cors\.credentials must be true/],
    [cors({ origins: [PAGE], headers: ['a, b'] }), /options\.cors\.headers\[0\] must be the name/],
    [cors({ origins: [PAGE], methods: ['GET'] }), /options\.cors cannot have 'methods'/],
    [undefined, /pass one object: veltTokenHandler\(\{ client, identify \}\)/],
    [null, /pass one object: veltTokenHandler\(\{ client, identify \}\)/],
    [client, /pass one object: veltTokenHandler\(\{ client, identify \}\)/],
    [identify, /pass one object: veltTokenHandler\(\{ client, identify \}\)/],
  ]) {
    assert.throws(() => veltTokenHandler(options), { code: 'ERR_VELT_CONFIG', message })
  }
  // The pages of apps in a web view have such origins.
  const origins = ['http://localhost:5173', 'capacitor://localhost', 'chrome-extension://abc']
  veltTokenHandler(cors({ origins, credentials: false }))
})
