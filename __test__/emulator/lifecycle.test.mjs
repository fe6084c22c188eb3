// Starting the emulator, and closing it.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { announced, bareSocket, over, start, TIMEOUT, v1 } from './support.mjs'

describe('lifecycle', TIMEOUT, () => {
  test('close() cuts stalled and idle connections, and frees the port', async (t) => {
    const emulator = await start(t)
    const port = Number(new URL(emulator.url).port)
    const idle = bareSocket(emulator)
    const idleCut = over(idle)
    await once(idle, 'connect')
    const { fault, arrived } = announced({ stall: 'headers' })
    emulator.fault(fault)
    const call = assert.rejects(v1(emulator))
    const request = await arrived

    await Promise.all([emulator.close(), emulator.close()])
    await emulator.close()
    await Promise.all([call, idleCut])
    assert.equal(await request.closed, 'aborted')

    const next = await start(t, { port })
    assert.equal(next.url, `http://127.0.0.1:${port}`)
    await next[Symbol.asyncDispose]()
    await assert.rejects(fetch(next.url))
  })

  test('one that listens on every address is reached on loopback', async (t) => {
    const { url } = await start(t, { host: '0.0.0.0' })
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/)
    assert.equal((await fetch(url)).status, 404)
  })

  test('a port in use is an error', async (t) => {
    const { url } = await start(t)
    await assert.rejects(start(t, { port: Number(new URL(url).port) }), { code: 'EADDRINUSE' })
  })

  test('wrong options are a TypeError', async (t) => {
    const unknown = { name: 'TypeError', message: /apikey \(known: port, host, apiKey, / }
    await assert.rejects(start(t, { apikey: 'k' }), unknown)
    const wrong = [{ authToken: '' }, { apiKey: 1 }, { tokenLifetime: Number.NaN }, { now: 5 }]
    const places = [{ port: 'abc' }, { port: -1 }, { host: 5 }, { host: '' }]
    for (const options of [...wrong, ...places]) await assert.rejects(start(t, options), TypeError)
  })

  test('it imports nothing of ours, so that it can disagree', () => {
    const folder = new URL('../../lib/emulator/', import.meta.url)
    const sources = readdirSync(folder).map((file) => readFileSync(new URL(file, folder), 'utf8'))
    const imported = sources.join('\n').matchAll(/(?:require\(|from |import\()'([^']+)'/g)
    const names = [...imported].map(([, name]) => name)
    assert.ok(names.includes('./api.js'))
    assert.deepEqual(
      names.filter((name) => !/^node:|^\.\/\w+\.js$/.test(name)),
      [],
    )
  })
})
