// The token endpoint sends the same status, headers and body in every framework.

import assert from 'node:assert/strict'
import { createServer, request as httpRequest } from 'node:http'
import { describe, test } from 'node:test'
import { emulateWithClient } from './support/emulator.mjs'
import { FRAMEWORKS, PATH } from './support/frameworks.mjs'
import { listen } from './support/servers.mjs'

/** Response headers that the framework or Node sets. */
const NOT_OURS = ['connection', 'date', 'keep-alive', 'x-powered-by']

const SPOOFED = { userId: 'eve', isAdmin: true, organizationId: 'evil' }
const BUG = new Error('the session store is down')
const fail = () => {
  throw BUG
}

const unauthenticated = [401, 'unauthenticated']
const methodNotAllowed = [405, 'method_not_allowed', { allow: 'POST' }, 'Use POST.']
const serverError = [500, 'server_error']
const noUser = [500, 'server_error', {}, 'The server could not determine the user.']
const upstreamError = [502, 'upstream_error']
const rateLimited = (seconds) => [429, 'rate_limited', { 'retry-after': seconds }]
const unavailable = (seconds) => [503, 'unavailable', { 'retry-after': seconds }]

/** An error response of Velt, whose text must not reach the browser. */
const refusal = (status) => ({ error: { status, message: 'Velt: key emulator-api-key' } })

/** `[changes to a valid request, expected problem, code that `onError` receives]` */
const PROBLEMS = [
  [{ identify: () => null }, unauthenticated],
  [{ identify: () => undefined }, unauthenticated],
  [{ identify: async () => false }, unauthenticated],

  [{ method: 'GET' }, methodNotAllowed],
  [{ method: 'HEAD' }, methodNotAllowed],
  [{ method: 'PUT' }, methodNotAllowed],
  [{ method: 'DELETE' }, methodNotAllowed],
  [{ method: 'OPTIONS' }, methodNotAllowed],
  [{ methods: ['GET'] }, [405, 'method_not_allowed', { allow: 'GET' }, 'Use GET.']],
  // A HEAD request would fetch a token that no response carries.
  [
    { methods: ['GET', 'POST'], method: 'HEAD' },
    [405, 'method_not_allowed', { allow: 'GET, POST' }, 'Use GET or POST.'],
  ],

  [{ identify: () => Promise.reject(BUG) }, noUser, BUG],
  [{ identify: fail }, noUser, BUG],
  [{ identify: () => '' }, serverError, 'ERR_VELT_INVALID_USER'],
  [{ identify: () => 7 }, serverError, 'ERR_VELT_INVALID_USER'],
  [{ identify: () => ({}) }, serverError, 'ERR_VELT_INVALID_USER'],
  [{ identify: () => ({ userId: 7 }) }, serverError, 'ERR_VELT_INVALID_USER'],
  [{ identify: () => ({ userId: 'ada', password: 'x' }) }, serverError, 'ERR_VELT_INVALID_USER'],

  [{ fault: refusal('RESOURCE_EXHAUSTED') }, rateLimited('1'), 'ERR_VELT_RATE_LIMITED'],
  [
    { fault: { ...refusal('RESOURCE_EXHAUSTED'), retryAfter: 7 } },
    rateLimited('7'),
    'ERR_VELT_RATE_LIMITED',
  ],
  [{ fault: refusal('UNAVAILABLE') }, unavailable('1'), 'ERR_VELT_UNAVAILABLE'],
  [{ fault: { status: 503, retryAfter: 30 } }, unavailable('30'), 'ERR_VELT_UNAVAILABLE'],
  [{ fault: { status: 502, body: '<html>' } }, unavailable('1'), 'ERR_VELT_UNAVAILABLE'],
  [{ fault: { reset: 'headers' } }, unavailable('1'), 'ERR_VELT_NETWORK'],
  [{ fault: { stall: 'headers' }, timeout: 300 }, [504, 'upstream_timeout'], 'ERR_VELT_TIMEOUT'],
  [{ fault: refusal('UNAUTHENTICATED') }, upstreamError, 'ERR_VELT_UNAUTHORIZED'],
  [{ fault: refusal('INVALID_ARGUMENT') }, upstreamError, 'ERR_VELT_REJECTED'],
  [{ fault: { status: 200, body: '{}' } }, upstreamError, 'ERR_VELT_BAD_RESPONSE'],
  [
    { fault: { status: 307, headers: { location: 'https://example.com' } } },
    upstreamError,
    'ERR_VELT_BAD_RESPONSE',
  ],
]

/** The page's origin in the tests of CORS, and another one. */
const PAGE = 'https://app.example.com'
const OTHER = 'https://other.example.com'

/** A preflight request, as Chromium sends it. */
const preflight = (origin) => ({
  method: 'OPTIONS',
  headers: {
    origin,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,cache-control',
  },
})

/** The headers of a response that decide whether the page can read it. Two of a name are joined. */
function corsHeaders(response) {
  const isCors = ([name]) => name.startsWith('access-control-')
  return Object.fromEntries([...response.headers].filter(isCors))
}

const names = (list) => new Set(list?.toLowerCase().split(/, */))

const MESSAGES = {
  unauthenticated: 'Sign in first.',
  rate_limited: 'Too many token requests; try again later.',
  server_error: 'The token endpoint is not set up correctly.',
  upstream_error: 'Could not obtain a token.',
  unavailable: 'Tokens are not available at the moment; try again later.',
  upstream_timeout: 'Could not obtain a token in time; try again.',
}
const RETRYABLE = ['rate_limited', 'unavailable', 'upstream_timeout']

/** Starts the endpoint in `framework`, and an emulator. `errors` collects the calls of `onError`. */
async function start(t, { listener, header }, { timeout, appCors, ...options } = {}) {
  const { emulator, client } = await emulateWithClient(t, { maxAttempts: 1, timeout })
  const errors = []
  const handlerOptions = {
    client,
    identify: () => ({ userId: 'ada' }),
    onError: (error, ...subject) => errors.push([error, headerOf('x-asked', subject)]),
    ...options,
  }
  const headerOf = (name, [request, ...rest]) => header(request, name, ...rest)
  const { url } = await listen(
    t,
    createServer(await listener(handlerOptions, appCors)),
    'http://127.0.0.1',
  )
  const call = (init, query = '') => fetch(`${url}${PATH}${query}`, { method: 'POST', ...init })
  return { emulator, errors, call, url: `${url}${PATH}` }
}

/** The status, headers and body of a response. */
async function read(response) {
  const headers = Object.fromEntries(response.headers)
  for (const name of NOT_OURS) delete headers[name]
  return { status: response.status, headers, body: await response.text() }
}

/** The expected status, headers and body. */
function expected(status, json, extra) {
  const body = JSON.stringify(json)
  const headers = {
    'cache-control': 'no-store',
    'content-length': String(Buffer.byteLength(body)),
    'content-type': 'application/json; charset=utf-8',
    ...extra,
  }
  return { status, headers, body }
}

function expectedProblem([status, code, extra, message = MESSAGES[code]]) {
  const error = { code, message, retryable: RETRYABLE.includes(code) }
  return expected(status, { error }, extra)
}

for (const [name, framework] of Object.entries(FRAMEWORKS)) {
  describe(name, () => {
    test('responds with the token and Cache-Control: no-store', async (t) => {
      const { emulator, call } = await start(t, framework)
      const answer = await read(await call())
      const { token } = JSON.parse(answer.body)
      const expiresAt = emulator.verify(token).exp * 1000
      assert.deepEqual(answer, expected(200, { token, expiresAt }))
    })

    test("accepts GET with `methods: ['GET']`", async (t) => {
      const { emulator, call } = await start(t, framework, { methods: ['GET'] })
      const { token } = await (await call({ method: 'GET' })).json()
      assert.equal(emulator.verify(token).userId, 'ada')
    })

    test('takes the user only from identify(), and ignores body, query and headers', async (t) => {
      const sessions = { s1: { userId: 'ada', organizationId: 'acme', isAdmin: false } }
      const { emulator, call } = await start(t, framework, {
        identify: async (request, c) => sessions[framework.header(request, 'x-session', c)],
      })
      const query = `?${new URLSearchParams(SPOOFED)}`
      for (const [type, body] of [
        ['application/json', JSON.stringify({ ...SPOOFED, user: SPOOFED })],
        ['application/x-www-form-urlencoded', `${new URLSearchParams(SPOOFED)}`],
        ['text/xml', '<userId>eve</userId>'],
        ['no type at all', 'userId=eve'],
      ]) {
        const headers = { 'x-session': 's1', 'content-type': type, ...SPOOFED }
        const response = await call({ headers, body }, query)
        const { userId, organizationId, isAdmin } = emulator.verify((await response.json()).token)
        assert.deepEqual({ userId, organizationId, isAdmin }, sessions.s1)
      }
      assert.equal((await call({}, query)).status, 401)
    })

    test('responds to each problem with its status and JSON body, and calls onError', async (t) => {
      for (const [{ method = 'POST', fault, ...options }, problem, reason] of PROBLEMS) {
        const { emulator, errors, call } = await start(t, framework, options)
        if (fault) emulator.fault(fault)
        const answer = await read(await call({ method, headers: { 'x-asked': 'me' } }))
        const right = expectedProblem(problem)
        if (method === 'HEAD') right.body = ''
        assert.deepEqual(answer, right)
        const told = errors.map(([error, asked]) => [error === BUG ? BUG : error.code, asked])
        assert.deepEqual(told, reason ? [[reason, 'me']] : [])
        if (!fault) assert.equal(emulator.connections, 0)
      }
    })

    test('Cache-Control: no-cache limits the age of the token to 10 seconds', async (t) => {
      const { client } = await emulateWithClient(t)
      const maxAges = []
      const getToken = (user, options) => {
        maxAges.push(options?.maxAge)
        return client.getToken(user, options)
      }
      const { call } = await start(t, framework, { client: { getToken } })
      const values = ['', 'max-age=0, no-cachet', 'no-cache', 'max-age=0, No-Cache']
      for (const value of values) {
        const response = await call({ headers: value ? { 'cache-control': value } : {} })
        assert.equal(response.status, 200)
      }
      assert.deepEqual(maxAges, [undefined, undefined, 10_000, 10_000])
    })

    test('an aborted HTTP request does not cancel the upstream request, and is not an error', async (t) => {
      const { emulator, errors, call, url } = await start(t, framework)
      emulator.fault({ delay: 100 })
      const visitor = httpRequest(url, { method: 'POST' })
      visitor.on('error', () => {})
      visitor.end()
      while (emulator.requests.length === 0) await new Promise(setImmediate)
      visitor.destroy()
      assert.equal((await call()).status, 200)
      assert.equal(emulator.requests.length, 1)
      assert.deepEqual(errors, [])
    })

    test('without `cors`, no response has CORS headers, and a preflight request gets a 405', async (t) => {
      const { call } = await start(t, framework)
      for (const request of [preflight(PAGE), { headers: { origin: PAGE } }]) {
        const response = await call(request)
        assert.equal(response.status, request.method ? 405 : 200)
        assert.deepEqual(corsHeaders(response), {})
        assert.equal(response.headers.get('vary'), null)
      }
    })

    test('with `cors`, allowed origins get a preflight response and can read all responses', async (t) => {
      const { emulator, call } = await start(t, framework, {
        cors: { origins: [OTHER, PAGE], credentials: true, headers: ['X-CSRF-Token'] },
        identify: (request, c) => (framework.header(request, 'authorization', c) ? 'ada' : null),
      })
      const readable = {
        'access-control-allow-origin': PAGE,
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers': 'retry-after',
      }
      const asked = await call(preflight(PAGE))
      assert.deepEqual([asked.status, await asked.text()], [204, ''])
      assert.deepEqual(corsHeaders(asked), {
        ...readable,
        'access-control-allow-methods': 'POST',
        'access-control-allow-headers': 'authorization, cache-control, content-type, X-CSRF-Token',
        'access-control-max-age': '600',
      })
      for (const [authorization, status] of [
        ['', 401],
        ['Bearer ada', 200],
      ]) {
        const response = await call({ headers: { origin: PAGE, authorization } })
        assert.equal(response.status, status)
        assert.deepEqual(corsHeaders(response), readable)
        assert.equal(response.headers.get('vary'), 'Origin')
      }
      // OPTIONS without Origin is not a preflight request.
      assert.equal((await call({ method: 'OPTIONS' })).status, 405)
      assert.equal(emulator.requests.length, 1)
    })

    test('with `cors`, other origins get no CORS headers, but Vary', async (t) => {
      const { call } = await start(t, framework, { cors: { origins: [PAGE] } })
      for (const origin of [
        OTHER,
        'null',
        `${PAGE}.evil.example`,
        PAGE.replace('https', 'http'),
        '',
      ]) {
        for (const request of [preflight(origin), { headers: { origin } }]) {
          const response = await call(request)
          assert.equal(response.status, request.method ? 405 : 200)
          assert.deepEqual(corsHeaders(response), {})
          assert.equal(response.headers.get('vary'), 'Origin')
        }
      }
    })

    test("with the origin '*', every page can read the responses, without cookies", async (t) => {
      const { call } = await start(t, framework, { cors: { origins: ['*'] } })
      const asked = await call(preflight(OTHER))
      assert.equal(asked.headers.get('access-control-allow-origin'), '*')
      const response = await call({ headers: { origin: OTHER } })
      assert.deepEqual(corsHeaders(response), {
        'access-control-allow-origin': '*',
        'access-control-expose-headers': 'retry-after',
      })
    })

    test('`cors` works together with a CORS middleware of the app', async (t) => {
      for (const cors of [undefined, { origins: [PAGE], credentials: true }]) {
        const { call } = await start(t, framework, {
          cors,
          appCors: { origin: PAGE, credentials: true },
        })
        const asked = await call(preflight(PAGE))
        assert.equal(asked.status, 204)
        const response = await call({ headers: { origin: PAGE } })
        for (const { headers } of [asked, response]) {
          assert.equal(headers.get('access-control-allow-origin'), PAGE)
          assert.equal(headers.get('access-control-allow-credentials'), 'true')
        }
        const vary = names(response.headers.get('vary'))
        assert.ok(vary.has('accept-encoding') && (!cors || vary.has('origin')), [...vary].join())
      }
    })
  })
}
