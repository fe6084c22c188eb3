// Each row of docs/troubleshooting.md: real servers produce the message or the symptom in its first
// column. `cli-doctor.test.mjs` does this for the findings of the doctor.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { VeltAuthClient } from 'velt-auth'
import { veltTokenHandler } from 'velt-auth/node'
import { createSelfSigned } from './support/certificates.mjs'
import { runCli } from './support/cli.mjs'
import { copyPackage, fakePlatformPackage } from './support/copies.mjs'
import { emulate } from './support/emulator.mjs'
import { runNode, temporaryFolder } from './support/processes.mjs'
import { listen, unusedPort } from './support/servers.mjs'
import { firstCells, quoted } from './support/troubleshooting.mjs'

const require = createRequire(import.meta.url)
const CREDENTIALS = { apiKey: 'k', authToken: 't' }
const NOW = Math.floor(Date.now() / 1000)

/** Checks that the document has exactly these rows. */
function checkRows(heading, rows) {
  test(`docs/troubleshooting.md, "${heading}": each row is tried`, () => {
    assert.deepEqual(firstCells(heading), Object.keys(rows))
  })
}

/** Creates a client with these options. */
const create = (options) => () => new VeltAuthClient({ ...CREDENTIALS, ...options })

/** Requests a token while the emulator has this fault. */
function withFault(fault, options) {
  return async (t) => {
    const { emulator, options: reach } = await emulate(t)
    emulator.fault({ ...fault, times: Infinity })
    await new VeltAuthClient({ ...reach, maxAttempts: 1, ...options }).getToken('ada')
  }
}

/** Requests a token for this user. */
const forUser = (user) => () => new VeltAuthClient(CREDENTIALS).getToken(user)

/** Requests a token from another URL. */
async function from(baseUrl) {
  await new VeltAuthClient({ ...CREDENTIALS, baseUrl, maxAttempts: 1 }).getToken('ada')
}

/** Loads a copy of the package that has no addon, and throws its error. */
async function loadCopy(folder) {
  const source = `
    try { require(${JSON.stringify(folder)}) } catch (error) { console.log(error.message) }`
  const load = `import { createRequire } from 'node:module'
    const require = createRequire(${JSON.stringify(`${folder}/x.js`)})`
  throw new Error(await runNode(load + source))
}

const START = {
  '`it is not installed`': async (t) => loadCopy(await copyPackage(await temporaryFolder(t))),
  '`is installed instead`': async (t) => {
    const folder = await temporaryFolder(t)
    await fakePlatformPackage(folder, 'velt-auth-linux-arm64-gnu')
    await loadCopy(await copyPackage(folder))
  },
  '`apiKey is missing`': create({ apiKey: '' }),
  '`authToken contains a space, a line break`': create({ authToken: 'token\n' }),
  '`puts the auth token into your browser bundle`': async () => {
    const source = `
      import { VeltAuthClient } from 'velt-auth'
      try { new VeltAuthClient() } catch (error) { console.log(error.message) }`
    const env = { VELT_API_KEY: 'k', VELT_AUTH_TOKEN: 't', VITE_SECRET: 't' }
    throw new Error(await runNode(source, env))
  },
  '`baseUrl must be https`': create({ baseUrl: 'http://velt.example' }),
  '`proxy must be a URL such as`': create({ proxy: 'socks5://proxy.example' }),
  '`cache.redis must be a URL such as`': create({ cache: { redis: 'localhost:6379' } }),
  '`velt-auth runs on your server; import velt-auth/browser`': () =>
    require('../lib/server-only.js'),
}

const CALL = {
  '`ERR_VELT_INVALID_USER`: `use String(…)`': forUser({ userId: 7 }),
  "`ERR_VELT_INVALID_USER`: `user cannot have 'orgId'`": forUser({ userId: 'ada', orgId: 'acme' }),
  '`ERR_VELT_INVALID_USER`: `user.userId is missing`': forUser({ userId: undefined }),
  '`ERR_VELT_UNAUTHORIZED`: `Velt rejected the credentials`': withFault({}, { authToken: 'wrong' }),
  '`ERR_VELT_REJECTED`: `Velt rejected the request`': withFault({
    error: { status: 'FAILED_PRECONDITION' },
  }),
  "`ERR_VELT_RATE_LIMITED`: `Velt's rate limit was reached`": withFault({
    error: { status: 'RESOURCE_EXHAUSTED' },
  }),
  "`ERR_VELT_UNAVAILABLE`: `Velt's API does not work at the moment`": withFault({ status: 503 }),
  '`ERR_VELT_UNAVAILABLE`: `so this call has sent no request`': async (t) => {
    const { emulator, options } = await emulate(t)
    emulator.fault({ status: 503, times: Infinity })
    const client = new VeltAuthClient({ ...options, maxAttempts: 1 })
    for (let call = 0; call < 5; call += 1) await client.generateToken('ada').catch(() => {})
    await client.generateToken('ada')
  },
  '`ERR_VELT_NETWORK`: `Could not connect to`': async () =>
    from(`http://127.0.0.1:${await unusedPort()}`),
  '`ERR_VELT_NETWORK`: `Could not look up the address`': () => from('https://velt.invalid'),
  '`ERR_VELT_NETWORK`: `is not trusted`': async (t) => {
    const { options } = await emulate(t, { tls: await createSelfSigned() })
    await from(options.baseUrl)
  },
  '`ERR_VELT_NETWORK`: `does not speak TLS`': async (t) => {
    const { options } = await emulate(t)
    await from(options.baseUrl.replace('http:', 'https:'))
  },
  '`ERR_VELT_NETWORK`: `before the response was complete`': withFault({ reset: 'body' }),
  '`ERR_VELT_NETWORK`: `Could not reach the shared cache`': async () => {
    const redis = `redis://127.0.0.1:${await unusedPort()}`
    await new VeltAuthClient({ ...CREDENTIALS, cache: { redis } }).invalidate({ userId: 'ada' })
  },
  '`ERR_VELT_TIMEOUT`: `Velt did not respond within`': withFault(
    { stall: 'headers' },
    { timeout: 200 },
  ),
  '`ERR_VELT_TIMEOUT`: `(deadline)`': withFault({ stall: 'headers' }, { deadline: 200 }),
  '`ERR_VELT_BAD_RESPONSE`: `contains neither a result nor an error of Velt`': withFault({
    body: '<html>',
  }),
  '`ERR_VELT_BAD_RESPONSE`: `responded with a redirect`': withFault({
    status: 302,
    headers: { location: 'https://velt.example' },
  }),
  '`ERR_VELT_CLOSED`: `This client was closed`': () => {
    const client = new VeltAuthClient(CREDENTIALS)
    client.close()
    return client.getToken('ada')
  },
}

for (const [heading, rows] of [
  ['When the server starts', START],
  ['Errors of a call', CALL],
]) {
  checkRows(heading, rows)
  for (const [cell, cause] of Object.entries(rows)) {
    test(`${heading}: ${cell}`, async (t) => {
      const excerpts = quoted(cell)
      const error = await (async () => cause(t))().catch((reason) => reason)
      assert.ok(error instanceof Error, 'there is no error')
      assert.ok(error.message.includes(excerpts.at(-1)), error.message)
      if (excerpts.length > 1) assert.equal(error.code, excerpts[0])
    })
  }
}

/** Starts a token endpoint, and returns the response to `method`. */
async function endpoint(t, { fault, identify = () => 'ada', method = 'POST', options: more } = {}) {
  const { emulator, options } = await emulate(t)
  if (fault) emulator.fault({ ...fault, times: Infinity })
  const client = new VeltAuthClient({ ...options, maxAttempts: 1, ...more })
  const handle = veltTokenHandler({ client, identify, onError: () => {} })
  const { url } = await listen(t, createServer(handle), 'http://127.0.0.1')
  const response = await fetch(url, { method })
  const { error } = await response.json()
  return {
    status: response.status,
    code: error.code,
    retryAfter: response.headers.has('retry-after'),
  }
}

const ENDPOINT = {
  '401 for all users': { identify: () => {} },
  '405 `method_not_allowed`': { method: 'GET' },
  '500 `server_error`': {
    identify: () => {
      throw new Error('no database')
    },
  },
  '502 `upstream_error`': { options: { authToken: 'wrong' } },
  '503 `unavailable` with `Retry-After`': { fault: { status: 503 } },
  '504 `upstream_timeout`': { fault: { stall: 'headers' }, options: { deadline: 200 } },
}

checkRows('The token endpoint', ENDPOINT)
for (const [cell, cause] of Object.entries(ENDPOINT)) {
  test(`The token endpoint: ${cell}`, async (t) => {
    const { status, code, retryAfter } = await endpoint(t, cause)
    assert.equal(status, Number(cell.slice(0, 3)))
    const [expected] = quoted(cell)
    if (expected) assert.equal(code, expected)
    if (cell.includes('Retry-After')) assert.ok(retryAfter)
  })
}

function tokenOf(claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'HS256' })}.${part({ userId: 'ada', ...claims })}.c2lnbmF0dXJl`
}

const ended = { resources: [{ type: 'organization', id: 'acme', expiresAt: NOW - 1 }] }

const BROWSER = {
  '`There is no token`': 'undefined',
  '`The token has expired`': tokenOf({ exp: NOW - 1 }),
  '`The token is from the future`': tokenOf({ iat: NOW + 3600, exp: NOW + 7200 }),
  '`The token names no organization`': tokenOf({ iat: NOW, exp: NOW + 3600 }),
  '`has ended`': tokenOf({ iat: NOW, exp: NOW + 3600, permissions: ended }),
}

checkRows('In the browser', BROWSER)
for (const [cell, token] of Object.entries(BROWSER)) {
  test(`In the browser: ${cell}`, async (t) => {
    const { stdout } = await runCli(t, ['decode'], { input: token })
    assert.ok(stdout.includes(quoted(cell)[0]), stdout)
  })
}
