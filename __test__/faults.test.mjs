// Network and HTTP failures between the client and Velt, on real sockets: each one has the right
// error code, and no call takes longer than its deadline.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { VeltAuthClient } from 'velt-auth'
import { emulate, emulateWithClient } from './support/emulator.mjs'
import { listen, startRawServer, unusedPort } from './support/servers.mjs'

const DEADLINE = 1200
/** The delay that a busy machine may add, in milliseconds. The default deadline is 15000 ms. */
const SLACK = 1500

const CREDENTIALS = { apiKey: 'key', authToken: 'secret-auth-token' }
const NETWORK = { code: 'ERR_VELT_NETWORK', retryable: true }
const NO_TOKEN = { code: 'ERR_VELT_BAD_RESPONSE', retryable: true, httpStatus: 200 }

/** @returns {Promise<Error>} the error of the call. Fails if the call exceeds its deadline. */
async function failureOf(options) {
  const client = new VeltAuthClient({ ...CREDENTIALS, deadline: DEADLINE, ...options })
  const began = performance.now()
  const error = await client.generateToken('ada').then(
    () => assert.fail('the call resolved'),
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

test('an unknown host is ERR_VELT_NETWORK, and the message names the host', async () => {
  const error = await failureOf({ baseUrl: 'https://velt-auth.invalid' })
  assertIs(error, NETWORK)
  assert.match(error.message, /Could not look up the address of velt-auth\.invalid:443/)
})

test('a refused connection is retried, then ERR_VELT_NETWORK', async () => {
  const port = await unusedPort()
  const error = await failureOf({ baseUrl: `http://127.0.0.1:${port}` })
  assertIs(error, { ...NETWORK, attempts: 3 })
  assert.match(error.cause.message, /refused/)
  assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}; check baseUrl`))
})

test('a port that does not speak TLS is a permanent failure that names the port and baseUrl', async (t) => {
  const { port } = await listen(t, createServer(), '')
  const error = await failureOf({ baseUrl: `https://127.0.0.1:${port}` })
  assertIs(error, { ...NETWORK, retryable: false, attempts: 1 })
  assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port} does not speak TLS.* baseUrl`))
})

test("a 404 that is not Velt's is ERR_VELT_REJECTED, and the message names baseUrl", async (t) => {
  const other = createServer((_request, response) => response.writeHead(404).end('Not found'))
  const { url } = await listen(t, other, 'http://127.0.0.1')
  const error = await failureOf({ baseUrl: url })
  assertIs(error, { code: 'ERR_VELT_REJECTED', retryable: false, attempts: 1, httpStatus: 404 })
  assert.match(error.message, /check baseUrl/)
})

/** Faults of the emulator, and the fields of the error that each one becomes. */
const EMULATED = {
  'a connection reset before the response': [{ reset: 'headers' }, NETWORK],
  'a connection reset inside the body': [{ reset: 'body' }, NETWORK],
  'a truncated body': [{ truncate: true }, NETWORK],
  'a response without headers': [
    { stall: 'headers' },
    { code: 'ERR_VELT_TIMEOUT', retryable: true },
  ],
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
  test(`${name} is ${expected.code}`, async (t) => {
    const { emulator, options } = await emulate(t)
    emulator.fault({ ...fault, times: Infinity })
    assertIs(await failureOf(options), expected)
  })
}

test('a body longer than its Content-Length is ERR_VELT_BAD_RESPONSE', async (t) => {
  const body = '{"result":{"data":{"token":"tok"}}}'
  const { url } = await startRawServer(t, (socket) => {
    socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length - 9}\r\n\r\n${body}`)
  })
  assertIs(await failureOf({ baseUrl: url }), NO_TOKEN)
})

test('an endless body is ERR_VELT_BAD_RESPONSE, and its connection is closed', async (t) => {
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

test('a server that does not speak HTTP is ERR_VELT_NETWORK', async (t) => {
  const { url } = await startRawServer(t, (socket) => socket.end('220 smtp.example ESMTP\r\n'))
  assertIs(await failureOf({ baseUrl: url }), NETWORK)
})

test('a redirect is not followed, so no credential is sent to another host', async (t) => {
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

test('a call whose deadline passes during the first attempt sends no second request', async (t) => {
  const { emulator, client } = await emulateWithClient(t, { deadline: 300 })
  emulator.fault({ stall: 'headers', times: Infinity })
  await assert.rejects(client.generateToken('ada'), { code: 'ERR_VELT_TIMEOUT', attempts: 1 })
  await assert.rejects(client.generateToken('ada', { deadline: 50 }), {
    code: 'ERR_VELT_TIMEOUT',
    attempts: 1,
  })
  assert.equal(emulator.requests.length, 2)
})

test('an attempt that times out is retried', async (t) => {
  const { emulator, client } = await emulateWithClient(t, { timeout: 300 })
  emulator.fault({ stall: 'headers' })
  const { token } = await client.generateToken('ada')
  assert.equal(emulator.verify(token).userId, 'ada')
})

test('an idle connection that the server closed is replaced without an error', async (t) => {
  const { options } = await emulate(t)
  let responses = 0
  const body = '{"result":{"data":{"token":"tok"}}}'
  const server = createServer((_request, response) => {
    responses += 1
    response.end(body)
  })
  const { url, sockets } = await listen(t, server, 'http://127.0.0.1')
  const client = new VeltAuthClient({ ...options, baseUrl: url, maxAttempts: 2 })
  for (let round = 0; round < 20; round += 1) {
    const { token } = await client.generateToken('ada')
    assert.equal(token, 'tok')
    for (const socket of sockets) socket.destroy()
  }
  assert.equal(responses, 20)
})

function deferred() {
  let resolve
  const promise = new Promise((done) => {
    resolve = done
  })
  return { promise, resolve }
}
