// The requests and connections that the emulator records.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { describe, test } from 'node:test'
import { CREDENTIALS, post, rawSocket, start, TIMEOUT, V1, v1 } from './support.mjs'

describe('record', TIMEOUT, () => {
  test('`requests` has each request as it was received, and its status', async (t) => {
    const emulator = await start(t)
    const before = Date.now()
    await v1(emulator, { userId: 'å' }, { headers: { 'X-Custom': 'Yes' } })
    await post(emulator, '/nowhere', 'not json')

    const [first, second] = emulator.requests
    assert.equal(emulator.requests.length, 2)
    assert.equal(first.method, 'POST')
    assert.equal(first.path, V1)
    assert.equal(first.headers['x-custom'], 'Yes')
    assert.equal(first.rawBody, JSON.stringify({ data: { ...CREDENTIALS, userId: 'å' } }))
    assert.deepEqual(first.body, { data: { ...CREDENTIALS, userId: 'å' } })
    assert.ok(first.receivedAt >= before && first.receivedAt <= second.receivedAt)
    assert.equal(first.status, 200)
    assert.equal(await first.closed, 'answered')
    assert.equal(second.rawBody, 'not json')
    assert.equal(second.body, undefined)
    assert.equal(second.status, 404)
  })

  test('a request that the client aborts before it is complete is not recorded', async (t) => {
    const emulator = await start(t)
    const socket = rawSocket(emulator)
    socket.write(`POST ${V1} HTTP/1.1\r\nHost: velt\r\nContent-Length: 100\r\n\r\n{`)
    socket.end()
    await once(socket.resume(), 'close')
    await v1(emulator)
    assert.equal(emulator.requests.length, 1)
    assert.equal(emulator.connections, 2)
  })

  test('`connections` counts TCP connections, and reset() keeps the count', async (t) => {
    const emulator = await start(t)
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    t.after(() => agent.destroy())
    const get = (options) =>
      new Promise((resolve, reject) => {
        const ended = (response) => response.resume().once('end', resolve)
        http.get(emulator.url, options, ended).once('error', reject)
      })
    assert.equal(emulator.connections, 0)
    await get({ agent })
    await get({ agent })
    assert.equal(emulator.connections, 1)
    await get({ agent: false })
    assert.equal(emulator.connections, 2)
    emulator.reset()
    assert.equal(emulator.connections, 2)
  })
})
