// Starting the emulator, and closing it.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import { notifyingFault, rawSocket, start, TIMEOUT, v1, waitForEnd } from './support.mjs'

describe('lifecycle', TIMEOUT, () => {
  test('close() closes stalled and idle connections, and frees the port', async (t) => {
    const emulator = await start(t)
    const port = Number(new URL(emulator.url).port)
    const idle = rawSocket(emulator)
    const idleEnd = waitForEnd(idle)
    await once(idle, 'connect')
    const { fault, arrived } = notifyingFault({ stall: 'headers' })
    emulator.fault(fault)
    const call = assert.rejects(v1(emulator))
    const request = await arrived

    await Promise.all([emulator.close(), emulator.close()])
    await emulator.close()
    await Promise.all([call, idleEnd])
    assert.equal(await request.closed, 'aborted')

    const next = await start(t, { port })
    assert.equal(next.url, `http://127.0.0.1:${port}`)
    await next[Symbol.asyncDispose]()
    await assert.rejects(fetch(next.url))
  })

  test('an emulator that listens on all addresses has a loopback URL', async (t) => {
    const { url } = await start(t, { host: '0.0.0.0' })
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/)
    assert.equal((await fetch(url)).status, 404)
  })

  test('a printed emulator shows its values', async (t) => {
    const emulator = await start(t)
    const printed = inspect(emulator)
    assert.match(printed, /url: 'http:.*authToken: 'emulator-auth-token'/s)
    assert.doesNotMatch(printed, /Getter/)
    emulator.rotateAuthToken('next')
    assert.match(inspect(emulator), /authToken: 'next'/)
  })

  test('a port in use rejects with EADDRINUSE', async (t) => {
    const { url } = await start(t)
    await assert.rejects(start(t, { port: Number(new URL(url).port) }), { code: 'EADDRINUSE' })
  })

  test('invalid options reject with a TypeError', async (t) => {
    const unknown = { name: 'TypeError', message: /apikey \(known: port, host, apiKey, / }
    await assert.rejects(start(t, { apikey: 'k' }), unknown)
    const wrong = [{ authToken: '' }, { apiKey: 1 }, { tokenLifetime: Number.NaN }, { now: 5 }]
    const lists = [{ authToken: [] }, { authToken: ['a', ''] }, { allowedDomains: 'localhost' }]
    const others = [{ requireJwtToken: 1 }, { permissionProvider: {} }, { allowedDomains: [1] }]
    const places = [{ port: 'abc' }, { port: -1 }, { host: 5 }, { host: '' }]
    for (const options of [...wrong, ...lists, ...others, ...places]) {
      await assert.rejects(start(t, options), TypeError)
    }
  })

  test('the emulator imports no code of the client, so that it cannot repeat its errors', () => {
    const folder = new URL('../../lib/emulator/', import.meta.url)
    const files = readdirSync(folder).filter((file) => file.endsWith('.js'))
    const sources = files.map((file) => readFileSync(new URL(file, folder), 'utf8'))
    const imported = sources.join('\n').matchAll(/(?:require\(|from |import\()'([^']+)'/g)
    const names = [...imported].map(([, name]) => name)
    assert.ok(names.includes('./api.js'))
    assert.deepEqual(
      names.filter((name) => !/^node:|^\.\/[\w-]+\.js$/.test(name)),
      [],
    )
  })
})
