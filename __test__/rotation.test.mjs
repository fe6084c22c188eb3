// Auth tokens that change while the client runs: a list, or a function.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateVeltAuthToken, VeltAuthClient } from 'velt-auth'
import { veltTokenHandler } from 'velt-auth/fetch'
import { emulate, emulateWithClient } from './support/emulator.mjs'
import { runNode } from './support/processes.mjs'
import { REDIS, start, startClient, tokenKeys } from './support/shared-cache.mjs'

const OLD = 'auth-token-old'
const NEXT = 'auth-token-next'
const SECRET = 'a-secret-for-the-shared-cache-0123456789'

/** Runs 64 callers until `stop`. Each of their calls needs a request to Velt. */
function startCallers(client) {
  const state = { calls: 0, failures: [], stopped: false }
  const caller = async (_, index) => {
    while (!state.stopped) {
      const user = `user-${index}-${state.calls}`
      const call = index % 2 ? client.getToken(user) : client.generateToken(user)
      await call.catch((error) => state.failures.push(error))
      state.calls += 1
    }
  }
  const callers = Promise.all(Array.from({ length: 64 }, caller))
  state.calling = async (times) => {
    const enough = state.calls + times
    while (state.calls < enough) await new Promise(setImmediate)
  }
  state.stop = async () => {
    state.stopped = true
    await callers
  }
  return state
}

test('a list: no call fails while an auth token is reset, and the refusal is reported once', async (t) => {
  const refusals = []
  const { emulator, client } = await emulateWithClient(
    t,
    { authToken: [OLD, NEXT], onCredentialRefused: (refusal) => refusals.push(refusal) },
    { authToken: [OLD, NEXT] },
  )
  const callers = startCallers(client)
  await callers.calling(200)
  emulator.resetAuthToken(OLD)
  await callers.calling(400)
  await callers.stop()
  assert.deepEqual(callers.failures, [])
  assert.deepEqual(
    refusals.map(({ index, error }) => [index, error.code, error.status]),
    [[0, 'ERR_VELT_UNAUTHORIZED', 'PERMISSION_DENIED']],
  )
  const refused = emulator.requests.filter(({ status }) => status === 403)
  assert.ok(refused.length <= 64, `${refused.length} refused requests`)
  const { credentialRefusals, upstreamRequests, failures } = client.stats()
  assert.deepEqual([credentialRefusals, failures], [1, {}])
  assert.equal(upstreamRequests, emulator.requests.length)

  emulator.reset()
  await client.generateToken('ada')
  assert.equal(emulator.requests.length, 1, 'the auth token that worked last is used first')
})

test('a function: no call fails while the auth token is reset, and the function is called once', async (t) => {
  const refusals = []
  const { emulator, options } = await emulate(t)
  let functionCalls = 0
  const client = startClient(t, {
    ...options,
    authToken: async () => {
      functionCalls += 1
      await new Promise((resolve) => setTimeout(resolve, 50))
      return emulator.authToken
    },
    onCredentialRefused: (refusal) => refusals.push(refusal),
  })
  const callers = startCallers(client)
  await callers.calling(200)
  assert.equal(functionCalls, 1)
  emulator.resetAuthToken()
  await callers.calling(400)
  await callers.stop()
  assert.deepEqual(callers.failures, [])
  assert.equal(functionCalls, 2)
  assert.deepEqual(
    refusals.map(({ index }) => index),
    [0],
  )
  assert.equal(client.stats().credentialRefusals, 1)
})

test('with neither, calls reject with ERR_VELT_UNAUTHORIZED after one request', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  await client.generateToken('ada')
  emulator.resetAuthToken()
  emulator.reset()
  await assert.rejects(client.generateToken('ada'), {
    code: 'ERR_VELT_UNAUTHORIZED',
    message: /Velt rejected the credentials\. Compare apiKey and authToken/,
    retryable: false,
    attempts: 1,
  })
  assert.equal(emulator.requests.length, 1)
})

test('a list: when Velt refuses both, one call tries the second one for all', async (t) => {
  const refusals = []
  const { emulator, client } = await emulateWithClient(t, {
    authToken: [OLD, NEXT],
    onCredentialRefused: (refusal) => refusals.push(refusal),
  })
  emulator.fault({ delay: 100, times: 64 })
  const calls = Array.from({ length: 64 }, (_, index) => client.generateToken(`user-${index}`))
  for (const { reason } of await Promise.allSettled(calls)) {
    assert.deepEqual([reason.code, reason.retryable], ['ERR_VELT_UNAUTHORIZED', false])
  }
  const sent = emulator.requests.map(({ headers }) => headers['x-velt-auth-token'])
  assert.equal(sent.filter((authToken) => authToken === OLD).length, 64)
  assert.equal(sent.filter((authToken) => authToken === NEXT).length, 1)
  assert.deepEqual(
    refusals.map(({ index, error }) => [index, error.code]),
    [
      [0, 'ERR_VELT_UNAUTHORIZED'],
      [1, 'ERR_VELT_UNAUTHORIZED'],
    ],
  )
  assert.equal(client.stats().credentialRefusals, 2)

  emulator.rotateAuthToken(NEXT)
  await client.generateToken('ada')
  await client.permissions.add('ada', [{ type: 'organization', id: 'acme' }])
})

test('a list: an aborted trial does not decide for other calls', async (t) => {
  const { emulator, client } = await emulateWithClient(
    t,
    { authToken: [OLD, NEXT], timeout: 10_000 },
    { authToken: NEXT },
  )
  const isTrial = ({ headers }) => headers['x-velt-auth-token'] === NEXT
  emulator.fault({ match: isTrial, stall: 'headers' })
  const controller = new AbortController()
  const aborted = client.generateToken('ada', { signal: controller.signal })
  while (!emulator.requests.some(isTrial)) await new Promise(setImmediate)
  const other = client.generateToken('bob')
  controller.abort()
  await assert.rejects(aborted, { name: 'AbortError' })
  assert.equal(emulator.verify((await other).token).userId, 'bob')
})

test('a list: the second request is not sent within the Retry-After of another call', async (t) => {
  const { emulator, client } = await emulateWithClient(
    t,
    { authToken: [OLD, NEXT], maxAttempts: 1 },
    { authToken: NEXT },
  )
  const of = (userId) => (request) => request.body.data.userId === userId
  emulator.fault({ match: of('ada'), delay: 2000 })
  emulator.fault({ match: of('bob'), error: { status: 'RESOURCE_EXHAUSTED' }, retryAfter: 60 })
  const limited = { code: 'ERR_VELT_RATE_LIMITED', attempts: 1 }
  await Promise.all([
    assert.rejects(client.generateToken('ada'), limited),
    assert.rejects(client.generateToken('bob'), limited),
  ])
  assert.equal(emulator.requests.filter(of('ada')).length, 1)
  assert.equal(emulator.requests.length, 2)
})

test('a list: v1, whose auth token is in the body', async (t) => {
  const { emulator, client } = await emulateWithClient(
    t,
    { apiVersion: 'v1', authToken: [OLD, NEXT] },
    { authToken: NEXT },
  )
  const { token } = await client.generateToken('ada')
  assert.equal(emulator.verify(token).userId, 'ada')
})

test(
  'the shared cache keeps its tokens over a rotation, and reveals no secret',
  REDIS,
  async (t) => {
    const { redis, emulator, options } = await start(t, { authToken: [OLD, NEXT] })
    const cache = { ...options.cache, secret: SECRET }
    const list = (authToken) => startClient(t, { ...options, authToken, cache })
    const { token } = await list([OLD, NEXT]).getToken('ada')
    while (tokenKeys(redis).length === 0) await new Promise(setImmediate)
    emulator.resetAuthToken(OLD)
    const rotated = emulator.authTokens.at(-1)
    for (const authToken of [[OLD, NEXT], [NEXT, rotated], NEXT, () => rotated]) {
      const client = list(authToken)
      assert.equal((await client.getToken('ada')).token, token)
      assert.equal(client.stats().sharedHits, 1)
    }
    assert.equal(emulator.requests.length, 1)

    const keys = redis.cli('--scan').trim().split('\n')
    const everything = [...keys, ...keys.map((key) => redis.cli('dump', key))].join('\n')
    for (const secret of [OLD, NEXT, SECRET]) {
      assert.ok(!everything.includes(secret))
      assert.ok(!everything.includes(Buffer.from(secret).toString('base64url').slice(2, -4)))
    }
    const other = startClient(t, {
      ...options,
      authToken: NEXT,
      cache: { ...cache, secret: `${SECRET}-other` },
    })
    assert.notEqual((await other.getToken('ada')).token, token, 'another secret, other keys')
  },
)

test('a function that fails: a clear error with its cause, and a later call works', async (t) => {
  const { emulator, options } = await emulate(t)
  const cause = new Error('the secret manager is down')
  let result = async () => {
    throw cause
  }
  const client = startClient(t, { ...options, authToken: () => result() })
  const fails = async (pattern) => {
    const error = await client.getToken('ada').catch((reason) => reason)
    assert.equal(error.code, 'ERR_VELT_UNAUTHORIZED')
    assert.deepEqual([error.retryable, error.attempts], [true, 0])
    assert.match(error.message, /^The function `authToken` failed|^The result of authToken\(\)/)
    assert.match(`${error.message} ${error.cause?.message}`, pattern)
    return error
  }
  assert.equal((await fails(/secret manager is down/)).cause, cause)
  for (const [value, pattern] of [
    [undefined, /result of authToken\(\) must be a string, not undefined/],
    ['', /result of authToken\(\) is empty/],
    ['with a\nline break', /contains a space, a line break/],
    [{}, /must be a string, not object/],
  ]) {
    result = () => value
    await fails(pattern)
  }
  result = () => {
    throw cause
  }
  assert.equal((await fails(/secret manager is down/)).cause, cause)
  assert.equal(emulator.requests.length, 0)
  result = () => emulator.authToken
  assert.equal(emulator.verify((await client.getToken('ada')).token).userId, 'ada')
})

test('a function that fails after a refusal: cached tokens are served, and nothing is lost', async (t) => {
  const { emulator, options } = await emulate(t, { tokenLifetime: 20_000 })
  let result = () => emulator.authToken
  const client = startClient(t, { ...options, maxAttempts: 1, authToken: () => result() })
  const cached = await client.getToken('ada')
  const previous = emulator.authToken
  emulator.resetAuthToken()
  for (const wrong of [
    () => previous,
    () => 'another-wrong-auth-token',
    () => Promise.reject(new Error('down')),
  ]) {
    result = wrong
    await assert.rejects(client.generateToken('ada'), {
      code: 'ERR_VELT_UNAUTHORIZED',
      retryable: true,
    })
    assert.deepEqual(await client.getToken('ada'), cached)
  }
  result = () => emulator.authToken
  assert.equal(emulator.verify((await client.generateToken('bob')).token).userId, 'bob')
})

test('a function that returns another wrong auth token: each of the two refusals is reported', async (t) => {
  const refusals = []
  const { emulator, options } = await emulate(t)
  let functionCalls = 0
  const client = startClient(t, {
    ...options,
    maxAttempts: 1,
    authToken: () => `wrong-auth-token-${++functionCalls}`,
    onCredentialRefused: ({ index }) => refusals.push(index),
  })
  await assert.rejects(client.generateToken('ada'), { code: 'ERR_VELT_UNAUTHORIZED' })
  assert.equal(emulator.requests.length, 2)
  assert.deepEqual(refusals, [0, 0])
  assert.equal(client.stats().credentialRefusals, 2)
})

test('a function that fails: the token endpoint responds with 503, and not with 502', async (t) => {
  const { options } = await emulate(t)
  const client = startClient(t, { ...options, authToken: () => Promise.reject(new Error('down')) })
  const handle = veltTokenHandler({ client, identify: () => 'ada', onError: () => {} })
  const response = await handle(new Request('http://127.0.0.1/', { method: 'POST' }))
  assert.equal(response.status, 503)
  assert.deepEqual((await response.json()).error.retryable, true)
})

test('a function that never returns: calls end by their deadline', async (t) => {
  const { options } = await emulate(t)
  let functionCalls = 0
  const client = startClient(t, {
    ...options,
    authToken: () => {
      functionCalls += 1
      return new Promise(() => {})
    },
  })
  for (const call of ['getToken', 'generateToken']) {
    await assert.rejects(client[call]('ada', { deadline: 200 }), (error) =>
      /ERR_VELT_(UNAUTHORIZED|TIMEOUT)/.test(error.code),
    )
  }
  assert.equal(functionCalls, 1, 'one call at a time')
})

test('a process ends although a client has a function, and the function may use the client', async (t) => {
  const began = performance.now()
  const { emulator, options } = await emulate(t)
  const printed = await runNode(`
    import { generateVeltAuthToken, VeltAuthClient } from 'velt-auth'
    const options = ${JSON.stringify(options)}
    const client = new VeltAuthClient({ ...options, authToken: async () => {
      await new Promise((resolve) => setTimeout(resolve, 100))
      return client && options.authToken
    } })
    await client.getToken('ada')
    await client.getToken('ada')
    console.log(client.stats().hits)
    const authToken = () => options.authToken
    await generateVeltAuthToken('ada', { ...options, authToken })
    await generateVeltAuthToken('ada', { ...options, authToken })
    const hanging = new VeltAuthClient({ ...options, authToken: () => new Promise(() => {}) })
    await hanging.getToken('ada', { deadline: 100 }).catch(() => {})
  `)
  assert.equal(printed, '1\n')
  assert.ok(
    performance.now() - began < 25_000,
    'the time limit of the function does not delay the end',
  )
  assert.equal(emulator.connections, 2, 'calls with the same function share a client')
})

test('generateVeltAuthToken: another function is another client', async (t) => {
  const { emulator, options } = await emulate(t)
  await assert.rejects(generateVeltAuthToken('ada', { ...options, authToken: () => 'wrong' }), {
    code: 'ERR_VELT_UNAUTHORIZED',
  })
  const authToken = () => emulator.authToken
  const token = await generateVeltAuthToken('ada', { ...options, authToken })
  assert.equal(emulator.verify(token).userId, 'ada')
})

test('an error of onCredentialRefused changes no call', async (t) => {
  const logged = t.mock.method(console, 'error', () => {})
  const { emulator, client } = await emulateWithClient(
    t,
    {
      authToken: [OLD, NEXT],
      onCredentialRefused: async () => {
        throw new Error('a bug')
      },
    },
    { authToken: NEXT },
  )
  assert.equal(emulator.verify((await client.getToken('ada')).token).userId, 'ada')
  while (logged.mock.callCount() === 0) await new Promise(setImmediate)
})

test('wrong options are rejected', () => {
  const redis = 'redis://127.0.0.1:1'
  for (const [options, message] of [
    [{ authToken: [] }, /authToken must have one or two entries: \[current, next\]/],
    [{ authToken: ['a', 'b', 'c'] }, /authToken must have one or two entries/],
    [{ authToken: ['a', ''] }, /authToken\[1\] is empty/],
    [{ authToken: ['a', 7] }, /options\.authToken\[1\] must be a string/],
    [{ authToken: ['a', 'b'], cache: { redis } }, /cache\.secret is missing: .*openssl rand/],
    [{ authToken: () => 'a', cache: { redis } }, /cache\.secret is missing/],
    [{ authToken: 'a', cache: { redis, secret: 'short' } }, /cache\.secret must have 32 char/],
    [{ authToken: 'a', onCredentialRefused: 7 }, /onCredentialRefused must be a function/],
  ]) {
    assert.throws(() => new VeltAuthClient({ apiKey: 'key', ...options }), {
      code: 'ERR_VELT_CONFIG',
      message,
    })
  }
  new VeltAuthClient({ apiKey: 'key', authToken: ['a', 'b'], cache: { redis, secret: SECRET } })
  new VeltAuthClient({ apiKey: 'key', authToken: ['a'], cache: { redis } })
})
