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
    asked.push({ at: Date.now(), method, cacheControl: headers['cache-control'] })
    const { status = 200, headers: extra = {}, body } = answers[asked.length - 1] ?? answers.at(-1)
    if (status === 'reset') return res.destroy()
    res.writeHead(status, extra).end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  const { url } = await listen(t, server, 'http://127.0.0.1')
  return { asked, url }
}

const token = (name, validity = 60_000) => ({
  body: { token: name, expiresAt: Date.now() + validity },
})
const problem = (status, code, retryable, headers) => ({
  status,
  headers,
  body: { error: { code, message: 'So it is.', retryable } },
})
const soon = { 'retry-after': '0' }

test('fetchVeltToken sends one POST and resolves to the token', async (t) => {
  const answer = token('t1')
  const { asked, url } = await startEndpoint(t, answer)
  assert.deepEqual(await fetchVeltToken(url), answer.body)
  assert.deepEqual([asked.length, asked[0].method], [1, 'POST'])
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
  const { asked, url } = await startEndpoint(t, token('t1'), token('t2', -1), token('t3'))
  const user = { userId: 'ada' }
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
  const { generateToken } = createAuthProvider({ user: { userId: 'ada' }, endpoint: url })
  await assert.rejects(generateToken(), { code: 'unauthenticated' })
  assert.equal(await generateToken(), 't1')
})
