// What can go wrong between here and Velt, each on a real socket: the right code, and never later
// than the deadline.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { VeltAuthClient } from 'velt-auth'
import { emulate, emulateWithClient } from './support/emulator.mjs'
import { listen, startRawServer, unusedPort } from './support/servers.mjs'

const DEADLINE = 1200
/** What a busy machine may add; far less than the deadline of any default. */
const SLACK = 1500

const CREDENTIALS = { apiKey: 'key', authToken: 'secret-auth-token' }
const NETWORK = { code: 'ERR_VELT_NETWORK', retryable: true }
const NO_TOKEN = { code: 'ERR_VELT_BAD_RESPONSE', retryable: true, httpStatus: 200 }

/** @returns {Promise<Error>} why the call failed, in time */
async function failureOf(options) {
  const client = new VeltAuthClient({ ...CREDENTIALS, deadline: DEADLINE, ...options })
  const began = performance.now()
  const error = await client.generateToken('ada').then(
    () => assert.fail('it resolved'),
    (reason) => reason,
  )
  assert.ok(performance.now() - began < DEADLINE + SLACK, 'the deadline bounds the call')
  client.close()
  return error
}

function assertIs(error, expected) {
  const seen = Object.fromEntries(Object.keys(expected).map((name) => [name, error[name]]))
  assert.deepEqual(seen, expected)
}

test('a host that does not exist', async () => {
  const error = await failureOf({ baseUrl: 'https://velt-auth.invalid' })
  assertIs(error, NETWORK)
  assert.match(error.message, /velt-auth\.invalid could not be looked up/)
})

test('a refused connection', async () => {
  const error = await failureOf({ baseUrl: `http://127.0.0.1:${await unusedPort()}` })
  assertIs(error, { ...NETWORK, attempts: 3 })
  assert.match(error.cause.message, /refused/)
})

/** Faults of the emulator, and what they become. */
const EMULATED = {
  'a reset before the answer': [{ reset: 'headers' }, NETWORK],
  'a reset inside the body': [{ reset: 'body' }, NETWORK],
  'a truncated body': [{ truncate: true }, NETWORK],
  'headers that never come': [{ stall: 'headers' }, { code: 'ERR_VELT_TIMEOUT', retryable: true }],
  'a body that never ends': [{ stall: 'body' }, { code: 'ERR_VELT_TIMEOUT', retryable: true }],
  'a 502 in HTML': [
    { status: 502, body: '<html>Bad gateway</html>', contentType: 'text/html' },
    { code: 'ERR_VELT_UNAVAILABLE', retryable: true, httpStatus: 502, status: undefined },
  ],
  'an empty 200': [{ status: 200, body: '' }, NO_TOKEN],
  'a 200 in HTML': [{ status: 200, body: '<html>Sign in</html>' }, NO_TOKEN],
  'a 200 without a token': [{ status: 200, body: '{"result":{"data":{}}}' }, NO_TOKEN],
  'a token that is not a string': [
    { status: 200, body: '{"result":{"data":{"token":{"a":1}}}}' },
    NO_TOKEN,
  ],
  'an empty token': [{ status: 200, body: '{"result":{"data":{"token":""}}}' }, NO_TOKEN],
  'invalid UTF-8': [
    { status: 200, body: Buffer.from('{"result":{"data":{"token":"\xff\xfe"}}}', 'latin1') },
    NO_TOKEN,
  ],
  'a body of 300 kB': [
    { status: 200, body: 'x'.repeat(300_000) },
    { code: 'ERR_VELT_BAD_RESPONSE', retryable: false, attempts: 1 },
  ],
}

for (const [name, [fault, expected]] of Object.entries(EMULATED)) {
  test(name, async (t) => {
    const { emulator, options } = await emulate(t)
    emulator.fault({ ...fault, times: Infinity })
    assertIs(await failureOf(options), expected)
  })
}

test('a content length that is too short', async (t) => {
  const body = '{"result":{"data":{"token":"tok"}}}'
  const { url } = await startRawServer(t, (socket) => {
    socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length - 9}\r\n\r\n${body}`)
  })
  assertIs(await failureOf({ baseUrl: url }), NO_TOKEN)
})

test('an endless body is cut off, and its connection with it', async (t) => {
  const closed = Promise.withResolvers?.() ?? deferred()
  const { url } = await startRawServer(t, (socket) => {
    socket.once('close', closed.resolve)
    socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`
    const flood = () => {
      while (socket.writable && socket.write(chunk));
    }
    socket.on('drain', flood)
    flood()
  })
  assertIs(await failureOf({ baseUrl: url }), {
    code: 'ERR_VELT_BAD_RESPONSE',
    retryable: false,
    attempts: 1,
  })
  await closed.promise
})

test('something that does not speak HTTP', async (t) => {
  const { url } = await startRawServer(t, (socket) => socket.end('220 smtp.example ESMTP\r\n'))
  assertIs(await failureOf({ baseUrl: url }), NETWORK)
})

test('a redirect is not followed, and carries no secret elsewhere', async (t) => {
  const { emulator: elsewhere } = await emulate(t)
  for (const status of [301, 302, 303, 307, 308]) {
    const { emulator, options } = await emulate(t)
    emulator.fault({ status, headers: { location: `${elsewhere.url}/v1/auth/token/get` } })
    const error = await failureOf(options)
    assertIs(error, { code: 'ERR_VELT_BAD_RESPONSE', retryable: false, httpStatus: status })
    assert.match(error.message, /redirect/)
  }
  assert.equal(elsewhere.connections, 0)
})

test('a call whose deadline passes in the first attempt sends no second request', async (t) => {
  const { emulator, client } = await emulateWithClient(t, { deadline: 300 })
  emulator.fault({ stall: 'headers', times: Infinity })
  await assert.rejects(client.generateToken('ada'), { code: 'ERR_VELT_TIMEOUT', attempts: 1 })
  await assert.rejects(client.generateToken('ada', { deadline: 50 }), {
    code: 'ERR_VELT_TIMEOUT',
    attempts: 1,
  })
  assert.equal(emulator.requests.length, 2)
})

test('a stalled attempt is given up for a second one', async (t) => {
  const { emulator, client } = await emulateWithClient(t, { timeout: 300 })
  emulator.fault({ stall: 'headers' })
  const { token } = await client.generateToken('ada')
  assert.equal(emulator.verify(token).userId, 'ada')
})

test('a connection that the server closed while it was idle is not an error', async (t) => {
  const { options } = await emulate(t)
  let answered = 0
  const body = '{"result":{"data":{"token":"tok"}}}'
  const server = createServer((_request, response) => {
    answered += 1
    response.end(body)
  })
  const { url, sockets } = await listen(t, server, 'http://127.0.0.1')
  const client = new VeltAuthClient({ ...options, baseUrl: url, maxAttempts: 2 })
  for (let round = 0; round < 20; round += 1) {
    const { token } = await client.generateToken('ada')
    assert.equal(token, 'tok')
    for (const socket of sockets) socket.destroy()
  }
  assert.equal(answered, 20)
})

function deferred() {
  let resolve
  const promise = new Promise((done) => {
    resolve = done
  })
  return { promise, resolve }
}
