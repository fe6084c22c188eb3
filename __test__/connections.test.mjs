// The number of connections to Velt is limited, and calls wait for one in their order.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VeltAuthClient } from 'velt-auth'
import { emulateWithClient } from './support/emulator.mjs'
import { run } from './support/processes.mjs'
import { startRawServer } from './support/servers.mjs'

test('3,000 users without a cached token get one in a process with 512 file descriptors', async (t) => {
  if (process.platform === 'win32') return t.skip('Windows has no such limit')
  const { emulator, options } = await emulateWithClient(t)
  const { stdout } = await run('sh', [
    '-c',
    `ulimit -n 512; exec "${process.execPath}" --input-type=module --eval "$0"`,
    `
    import { VeltAuthClient } from 'velt-auth'
    // On a slow machine, an attempt that times out would close its connection.
    const limits = { timeout: 25_000, deadline: 25_000 }
    const client = new VeltAuthClient({ ...${JSON.stringify(options)}, ...limits })
    const users = Array.from({ length: 3000 }, (_, index) => 'user-' + index)
    const tokens = await Promise.all(users.map((user) => client.getToken(user)))
    console.log(tokens.filter(({ token }) => token).length)
    client.close()
    `,
  ])
  assert.equal(stdout.trim(), '3000')
  assert.ok(emulator.connections <= 160, `${emulator.connections} connections`)
})

test('maxConnections limits the requests in flight, and later calls wait in their order', async (t) => {
  const { emulator, client } = await emulateWithClient(t, { maxConnections: 4 })
  emulator.fault({ delay: 20, times: Infinity })
  const users = Array.from({ length: 40 }, (_, index) => `user-${index}`)
  await Promise.all(users.map((user) => client.getToken(user)))
  assert.deepEqual(
    emulator.requests
      .map(({ body }) => body.data.userId)
      .slice(0, 4)
      .sort(),
    users.slice(0, 4),
  )
  assert.ok(emulator.connections <= 8, `${emulator.connections} connections`)
})

test('preconnect does not keep the process alive', async (t) => {
  const { url } = await startRawServer(t, () => {})
  await run(process.execPath, [
    '--eval',
    `
    const { VeltAuthClient } = require('velt-auth')
    new VeltAuthClient({
      apiKey: 'k', authToken: 'a', baseUrl: '${url}', timeout: 1e6, deadline: 1e6, preconnect: true,
    })
    `,
  ])
})

test('a call that waits for a connection until its deadline is ERR_VELT_TIMEOUT', async (t) => {
  const { emulator, client } = await emulateWithClient(t, { maxConnections: 1 })
  emulator.fault({ delay: 2000 })
  const first = client.generateToken('ada')
  while (emulator.requests.length === 0) await new Promise(setImmediate)
  await assert.rejects(client.generateToken('bob', { deadline: 300 }), {
    code: 'ERR_VELT_TIMEOUT',
    retryable: true,
    attempts: 0,
    message: /maxConnections/,
  })
  emulator.verify((await first).token)
  emulator.verify((await client.generateToken('bob')).token)
  assert.equal(emulator.requests.length, 2)
})

const TOKEN = JSON.stringify({ result: { status: 'success', data: { token: 'eyJ-a-token' } } })
const RESPONSE = `HTTP/1.1 200 OK\r\ncontent-length: ${TOKEN.length}\r\n\r\n${TOKEN}`

const startClient = (t, baseUrl, options) => {
  const client = new VeltAuthClient({ apiKey: 'key', authToken: 'token', baseUrl, ...options })
  t.after(() => client.close())
  return client
}

test('a request on a connection that is closed when it arrives is sent again, as the same attempt', async (t) => {
  let requests = 0
  const used = new WeakSet()
  const { url } = await startRawServer(t, (socket) => {
    requests += 1
    if (used.has(socket)) return socket.destroy()
    used.add(socket)
    socket.write(RESPONSE)
  })
  const client = startClient(t, url, { maxAttempts: 1 })
  for (let round = 0; round < 20; round += 1) {
    const calls = Array.from({ length: 10 }, (_, index) => client.generateToken(`user-${index}`))
    for (const { token } of await Promise.all(calls)) assert.equal(token, 'eyJ-a-token')
  }
  // Each connection has one response, so requests were sent twice.
  assert.ok(requests > 200, `${requests} requests`)
  const { upstreamRequests, failures } = client.stats()
  assert.deepEqual({ upstreamRequests, failures }, { upstreamRequests: 200, failures: {} })
})

test('a request is not sent a third time, and not again on a new connection', async (t) => {
  let requests = 0
  let connections = 0
  const seen = new WeakSet()
  const { url } = await startRawServer(t, (socket) => {
    requests += 1
    if (!seen.has(socket)) connections += 1
    seen.add(socket)
    if (requests > 1) return socket.destroy()
    socket.write(RESPONSE)
  })
  const client = startClient(t, url, { maxAttempts: 1 })
  await client.generateToken('ada')
  await assert.rejects(client.generateToken('ada'), { code: 'ERR_VELT_NETWORK', attempts: 1 })
  assert.deepEqual([requests, connections], [3, 2])
  await assert.rejects(client.generateToken('ada'), { code: 'ERR_VELT_NETWORK', attempts: 1 })
  assert.deepEqual([requests, connections], [4, 3])
})

test('stats() counts the requests in flight, and those that wait for a connection', async (t) => {
  const sockets = []
  const { url } = await startRawServer(t, (socket) => sockets.push(socket))
  const client = startClient(t, url, { maxConnections: 2 })
  const numbers = () => {
    const { upstreamInFlight, upstreamWaiting } = client.stats()
    return [upstreamInFlight, upstreamWaiting]
  }
  assert.deepEqual(numbers(), [0, 0])
  const controller = new AbortController()
  const calls = [1, 2, 3, 4].map((number) => client.generateToken(`user-${number}`))
  const aborted = client.generateToken('user-5', { signal: controller.signal })
  while (sockets.length < 2 || numbers()[1] < 3) await new Promise(setImmediate)
  assert.deepEqual(numbers(), [2, 3])
  controller.abort()
  await assert.rejects(aborted, { name: 'AbortError' })
  while (numbers()[1] > 2) await new Promise(setImmediate)
  let ended = 0
  const all = Promise.all(calls).then(() => {
    ended = 4
  })
  while (ended < 4) {
    for (const socket of sockets.splice(0)) socket.write(RESPONSE)
    await new Promise(setImmediate)
  }
  await all
  assert.deepEqual(numbers(), [0, 0])
})

test('without file descriptors, the error says so, and the circuit breaker does not open', async (t) => {
  if (process.platform === 'win32') return t.skip('Windows has no such limit')
  const { options } = await emulateWithClient(t)
  for (const host of ['127.0.0.1', 'localhost']) {
    const baseUrl = options.baseUrl.replace('127.0.0.1', host)
    const { stdout } = await run('sh', [
      '-c',
      `ulimit -n 64; exec "${process.execPath}" --input-type=module --eval "$0"`,
      `
      import { openSync, closeSync } from 'node:fs'
      import { VeltAuthClient } from 'velt-auth'
      const options = ${JSON.stringify({ ...options, baseUrl, maxAttempts: 1 })}
      const client = new VeltAuthClient(options)
      const files = []
      try {
        for (;;) files.push(openSync(process.execPath))
      } catch {}
      const errors = []
      for (let index = 0; index < 10; index += 1) {
        errors.push(await client.generateToken('ada').catch((error) => error))
      }
      for (const file of files) closeSync(file)
      const { token } = await client.generateToken('ada')
      console.log(JSON.stringify({
        token,
        errors: errors.map(({ code, message, attempts, retryable }) =>
          ({ code, message, attempts, retryable })),
      }))
      client.close()
      `,
    ])
    const { token, errors } = JSON.parse(stdout)
    assert.ok(token)
    for (const { code, message, attempts, retryable } of errors) {
      assert.deepEqual([code, attempts, retryable], ['ERR_VELT_NETWORK', 1, true])
      assert.match(message, /no file descriptor left.*ulimit -n/)
    }
  }
})
