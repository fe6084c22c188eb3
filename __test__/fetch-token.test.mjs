// fetchVeltToken and createAuthProvider against servers with prepared responses. They are written
// for browsers (see browser.test.mjs), but need only `fetch`, so these tests run them in Node.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { createAuthProvider, fetchVeltToken, VeltTokenError } from 'velt-auth/browser'
import { listen } from './support/servers.mjs'

/** Starts a server that sends the responses `answers` in order, and records its requests in `asked`. */
async function startEndpoint(t, ...answers) {
  const asked = []
  const server = createServer(({ method, headers }, res) => {
    const { 'cache-control': cacheControl, authorization } = headers
    asked.push({ at: Date.now(), method, cacheControl, authorization })
    const { status = 200, headers: extra = {}, body } = answers[asked.length - 1] ?? answers.at(-1)
    if (status === 'reset') return res.destroy()
    if (status === 'stall') return
    res.writeHead(status, extra).end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  const { url } = await listen(t, server, 'http://127.0.0.1')
  return { asked, url }
}

/** A response of an endpoint whose clock differs from the browser's by `skew` milliseconds. */
const token = (name, validFor = 60_000, skew = 0) => ({
  body: { token: name, expiresAt: Date.now() + validFor + skew, expiresIn: validFor / 1000 },
})
const DAY = 24 * 60 * 60 * 1000
const user = { userId: 'ada' }
const problem = (status, code, retryable, headers) => ({
  status,
  headers,
  body: { error: { code, message: 'So it is.', retryable } },
})
const soon = { 'retry-after': '0' }

test('fetchVeltToken sends one POST and resolves to the token', async (t) => {
  const { asked, url } = await startEndpoint(t, token('t1', 1000))
  const before = Date.now()
  const { token: fetched, expiresAt } = await fetchVeltToken(url)
  assert.equal(fetched, 't1')
  // It is counted from the time of the request, so it is never later than the end of the token.
  assert.ok(expiresAt >= before + 999 && expiresAt <= asked[0].at + 1001)
  assert.deepEqual([asked.length, asked[0].method], [1, 'POST'])
})

test('a wrong clock in the browser changes nothing', async (t) => {
  for (const skew of [-3 * DAY, 3 * DAY]) {
    const answers = [token('t1', 60_000, skew), token('t2', 0, skew), token('t3', 60_000, skew)]
    const { asked, url } = await startEndpoint(t, ...answers)
    const { generateToken } = createAuthProvider({ user, endpoint: url })
    for (const name of ['t1', 't2', 't3']) assert.equal(await generateToken(), name)
    // Only `t1` was unexpired at the next call.
    const asksForNew = asked.map(({ cacheControl }) => cacheControl === 'no-cache')
    assert.deepEqual(asksForNew, [false, true, false])
    assert.ok(Math.abs((await fetchVeltToken(url)).expiresAt - Date.now() - 60_000) < 30_000)
  }
})

test('an endpoint that sends the result of getToken works too', async (t) => {
  const expiresAt = Date.now() + 60_000
  const { url } = await startEndpoint(t, { body: { token: 't1', expiresAt } })
  assert.ok(Math.abs((await fetchVeltToken(url)).expiresAt - expiresAt) < 30_000)
})

test('headers: an object, or a function that is called for each request and each retry', async (t) => {
  const failure = problem(503, 'unavailable', true, soon)
  const { asked, url } = await startEndpoint(t, failure, token('t1'), token('t2'), token('t3'))
  let bearer = 0
  const headers = async () => ({ authorization: `Bearer ${++bearer}` })
  const { generateToken } = createAuthProvider({ user, endpoint: url, headers })
  await generateToken()
  await generateToken()
  await fetchVeltToken(url, { headers: { Authorization: 'Bearer fixed' }, fresh: true })
  assert.deepEqual(
    asked.map(({ authorization, cacheControl }) => [authorization, cacheControl === 'no-cache']),
    [
      ['Bearer 1', false],
      ['Bearer 2', false],
      ['Bearer 3', true],
      ['Bearer fixed', true],
    ],
  )
})

test('an error of the function headers rejects the call at once, and no request is sent', async (t) => {
  const { asked, url } = await startEndpoint(t, token('t1'))
  const signedOut = new Error('signed out')
  const secret = 'Bearer s3cret\n\u{1F600}'
  for (const [headers, error] of [
    [() => Promise.reject(signedOut), signedOut],
    [
      () => {
        throw signedOut
      },
      signedOut,
    ],
    [() => undefined, { name: 'TypeError', message: /^headers must be an object such as/ }],
    [
      async () => ({ authorization: undefined }),
      { message: /^headers\['authorization'\] must be a s/ },
    ],
    [() => ({ authorization: secret }), { message: /^headers\['authorization'\] has a character/ }],
  ]) {
    const failure = fetchVeltToken(url, { headers })
    await assert.rejects(failure, error)
    const { message, cause } = await failure.catch((error) => error)
    assert.ok(!`${message} ${cause}`.includes('s3cret'))
  }
  assert.equal(asked.length, 0)
})

test('signal cancels the function headers, the request and the wait before a retry', async (t) => {
  const reason = new Error('left the page')
  const never = new Promise(() => {})
  for (const [answers, options, requests] of [
    [[], { headers: () => never }, 0],
    [[{ status: 'stall' }], {}, 1],
    [[problem(503, 'unavailable', true, { 'retry-after': '50' })], {}, 1],
  ]) {
    const { asked, url } = await startEndpoint(t, ...answers)
    const controller = new AbortController()
    const calls = [
      fetchVeltToken(url, { ...options, signal: controller.signal }),
      createAuthProvider({
        user,
        endpoint: url,
        ...options,
        signal: controller.signal,
      }).generateToken(),
    ].map((call) => call.catch((error) => error))
    while (asked.length < 2 * requests) await new Promise(setImmediate)
    controller.abort(reason)
    assert.deepEqual(await Promise.all(calls), [reason, reason])
    const late = fetchVeltToken(url, { signal: controller.signal })
    assert.equal(await late.catch((error) => error), reason)
    assert.equal(asked.length, 2 * requests)
  }
})

test('a function headers that aborts the call and then fails causes no unhandled rejection', async (t) => {
  const { url } = await startEndpoint(t, token('t1'))
  const controller = new AbortController()
  const reason = new Error('signed out')
  const headers = async () => {
    controller.abort(reason)
    throw new Error('no bearer token')
  }
  // The test runner reports an unhandled rejection as a failure of this test.
  const failure = await fetchVeltToken(url, { headers, signal: controller.signal }).catch((e) => e)
  assert.equal(failure, reason)
  await new Promise(setImmediate)
})

test('wrong options are a TypeError that says what to write', async () => {
  const make = (options) => createAuthProvider({ user, ...options })
  for (const [options, message] of [
    [{ headers: 'Bearer x' }, /options\.headers must be an object such as .*, not string/],
    [{ headers: { authorization: 7 } }, /options\.headers\['authorization'\] must be a string/],
    [{ headers: new Headers({ a: 'b' }) }, /options\.headers must be .*, not Headers/],
    [{ headers: { 'a b': 'c' } }, /options\.headers\['a b'\] has a character/],
    [{ credentials: true }, /options\.credentials must be 'same-origin', 'include' or 'omit'/],
    [{ signal: new AbortController() }, /options\.signal must be an AbortSignal/],
    [{ header: {} }, /options cannot have 'header'/],
  ]) {
    assert.throws(() => make(options), { name: 'TypeError', message })
    await assert.rejects(fetchVeltToken('/', options), { name: 'TypeError', message })
  }
})

test('transient failures are retried', async (t) => {
  for (const passing of [
    problem(429, 'rate_limited', true, soon),
    problem(503, 'unavailable', true, soon),
    problem(504, 'upstream_timeout', true, soon),
    { status: 429, headers: soon, body: 'Slow down' },
    { status: 502, headers: soon, body: '<html>' },
  ]) {
    const { asked, url } = await startEndpoint(t, passing, passing, passing, token('t1'))
    assert.equal((await fetchVeltToken(url)).token, 't1')
    assert.equal(asked.length, 4)
  }
})

test('permanent failures, and a Retry-After of over a minute, are not retried', async (t) => {
  for (const [answer, expected] of [
    [
      problem(401, 'unauthenticated', false),
      { code: 'unauthenticated', message: /responded with 401: So it is/ },
    ],
    [problem(405, 'method_not_allowed', false), { code: 'method_not_allowed' }],
    [problem(502, 'upstream_error', false), { code: 'upstream_error', retryable: false }],
    [
      problem(503, 'unavailable', true, { 'retry-after': '61' }),
      { code: 'unavailable', retryable: true, retryAfter: 61_000 },
    ],
    [
      problem(503, 'unavailable', true, { 'retry-after': 'Fri, 31 Dec 2100 23:59:59 GMT' }),
      { code: 'unavailable', retryable: true },
    ],
    [
      { status: 401, body: 'Who are you?' },
      { code: 'bad_response', status: 401 },
    ],
    [
      { status: 403, body: '' },
      { code: 'bad_response', status: 403, retryable: false },
    ],
    // A single-page app serves its HTML page at every path.
    [{ body: '<html>' }, { code: 'bad_response', message: /200: the response is not from a velt/ }],
    [{ body: null }, { code: 'bad_response' }],
    [{ body: { token: 7 } }, { code: 'bad_response' }],
    [{ body: { token: '' } }, { code: 'bad_response' }],
  ]) {
    const { asked, url } = await startEndpoint(t, answer)
    await assert.rejects(fetchVeltToken(url), { name: 'VeltTokenError', ...expected })
    assert.equal(asked.length, 1)
  }
})

test('without Retry-After, three retries wait 1, 2 and 4 seconds or more', async (t) => {
  const { asked, url } = await startEndpoint(t, { status: 'reset' })
  const error = await fetchVeltToken(url).catch((error) => error)
  assert.ok(error instanceof VeltTokenError)
  assert.deepEqual([error.code, error.retryable, error.status], ['network_error', true, undefined])
  assert.equal(error.cause.name, 'TypeError')
  const waits = asked.slice(1).map(({ at }, index) => at - asked[index].at)
  assert.equal(waits.length, 3)
  for (const [index, least] of [1000, 2000, 4000].entries()) {
    assert.ok(waits[index] >= least - 5 && waits[index] < 1.5 * least + 2000, `waited ${waits}`)
  }
})

test('concurrent generateToken calls share a request, and later calls send a new one', async (t) => {
  const { asked, url } = await startEndpoint(t, token('t1'), token('t2', 0), token('t3'))
  const provider = createAuthProvider({ user, endpoint: url })
  assert.equal(provider.user, user)
  const together = [provider.generateToken(), provider.generateToken()]
  assert.deepEqual(await Promise.all(together), ['t1', 't1'])
  assert.equal(await provider.generateToken(), 't2')
  assert.equal(await provider.generateToken(), 't3')
  // `t1` was unexpired at the next call, so that call sends `no-cache`. `t2` had expired.
  assert.deepEqual(
    asked.map(({ cacheControl }) => cacheControl === 'no-cache'),
    [false, true, false],
  )
})

test('a failed generateToken does not fail the next one', async (t) => {
  const { url } = await startEndpoint(t, problem(401, 'unauthenticated', false), token('t1'))
  const { generateToken } = createAuthProvider({ user, endpoint: url })
  await assert.rejects(generateToken(), { code: 'unauthenticated' })
  assert.equal(await generateToken(), 't1')
})
