// The faults that a test can request from the emulator.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import {
  assertCut,
  CUTS,
  exchange,
  notifyingFault,
  rawSocket,
  start,
  TIMEOUT,
  V2,
  v1,
  v2,
} from './support.mjs'

describe('faults', TIMEOUT, () => {
  test('a fault with only a status has an empty body; a given body is sent unchanged', async (t) => {
    const emulator = await start(t)
    const page = { body: '<html>', contentType: 'text/html', headers: { Via: 'lb' } }
    const json = 'application/json; charset=utf-8'
    const cases = [
      [{ status: 503 }, 503, '', {}],
      [{ status: 204 }, 204, '', {}],
      [{ status: 502, ...page }, 502, '<html>', { 'content-type': 'text/html', via: 'lb' }],
      [{ body: Buffer.from('{}') }, 200, '{}', { 'content-type': json }],
    ]
    for (const [fault] of cases) emulator.fault(fault)

    for (const [, status, text, headers] of cases) {
      const answer = await v1(emulator)
      assert.deepEqual([answer.status, answer.text], [status, text])
      for (const name of ['content-type', 'via']) {
        assert.equal(answer.headers.get(name), headers[name] ?? null)
      }
    }
    assert.deepEqual(
      emulator.requests.map(({ status }) => status),
      [503, 204, 502, 200],
    )
  })

  test("an error has Velt's JSON envelope and the HTTP status of its code", async (t) => {
    const emulator = await start(t)
    const codes = {
      INVALID_ARGUMENT: 400,
      FAILED_PRECONDITION: 400,
      OUT_OF_RANGE: 400,
      UNAUTHENTICATED: 401,
      PERMISSION_DENIED: 403,
      NOT_FOUND: 404,
      ALREADY_EXISTS: 409,
      ABORTED: 409,
      RESOURCE_EXHAUSTED: 429,
      CANCELLED: 499,
      INTERNAL: 500,
      UNKNOWN: 500,
      DATA_LOSS: 500,
      UNIMPLEMENTED: 501,
      UNAVAILABLE: 503,
      DEADLINE_EXCEEDED: 504,
    }
    for (const [status, code] of Object.entries(codes)) {
      emulator.fault({ error: { status } })
      const answer = await v1(emulator)
      assert.deepEqual([answer.status, answer.json.error.status], [code, status])
    }
    const error = { status: 'INTERNAL', message: 'Oh.', details: { a: 1 } }
    emulator.fault({ error, status: 400 })
    const answer = await v1(emulator)
    assert.equal(answer.status, 400)
    assert.deepEqual(answer.json, { error })
  })

  test('Retry-After is sent as seconds, as a date, or as the given string', async (t) => {
    const emulator = await start(t)
    const cases = [
      [2, '2'],
      [0, '0'],
      [new Date(1_800_000_000_000), 'Fri, 15 Jan 2027 08:00:00 GMT'],
      ['soon', 'soon'],
    ]
    for (const [retryAfter, header] of cases) {
      emulator.fault({ status: 429, retryAfter })
      assert.equal((await v1(emulator)).headers.get('retry-after'), header)
    }
    assert.equal((await v1(emulator)).headers.get('retry-after'), null)
  })

  test('faults apply in order, to the requests that match, and as many times as given', async (t) => {
    const emulator = await start(t)
    const isV2 = (request) => request.path === V2
    emulator.fault({ status: 500, match: isV2, times: 2 })
    emulator.fault({ status: 501, times: 2 })
    emulator.fault({ status: 502, times: Infinity })

    const statuses = []
    for (const call of [v1, v2, v1, v2, v2, v1]) statuses.push((await call(emulator)).status)
    assert.deepEqual(statuses, [501, 500, 501, 500, 502, 502])

    emulator.reset()
    assert.equal(emulator.requests.length, 0)
    assert.equal((await v1(emulator)).status, 200)
    assert.equal(emulator.requests.length, 1)
  })

  test('a delay postpones the response', async (t) => {
    const emulator = await start(t)
    emulator.fault({ delay: 40 })
    const started = performance.now()
    const { status } = await v1(emulator)
    assert.ok(performance.now() - started >= 38)
    assert.equal(status, 200)
  })

  for (const slow of [{ delay: 60_000 }, { stall: 'headers' }]) {
    test(`${Object.keys(slow)}: \`closed\` reports that the client aborted its request`, async (t) => {
      const emulator = await start(t)
      const { fault, arrived } = notifyingFault(slow)
      emulator.fault(fault)
      const abort = new AbortController()
      const call = assert.rejects(v1(emulator, {}, { signal: abort.signal }), /abort/)
      const request = await arrived
      assert.equal(emulator.requests[0], request)
      abort.abort()
      await call
      assert.equal(await request.closed, 'aborted')
      await setImmediate()
      assert.equal(request.status, undefined)
    })
  }

  test('a stalled request gets no response, and other requests are served', async (t) => {
    const emulator = await start(t)
    const { fault, arrived } = notifyingFault({ stall: 'headers' })
    emulator.fault(fault)
    const socket = rawSocket(emulator)
    t.after(() => socket.destroy())
    const stalled = exchange(emulator, socket)
    await arrived
    assert.equal((await v1(emulator)).status, 200)
    assert.equal((await v2(emulator)).status, 200)
    assert.equal(socket.bytesRead, 0)
    await emulator.close()
    assert.equal((await stalled).head, '')
  })

  test('a stalled body stops after its first half', async (t) => {
    const emulator = await start(t)
    emulator.fault({ stall: 'body', body: '0123456789' })
    const response = await fetch(emulator.url, { method: 'POST', body: '' })
    assert.equal(response.headers.get('content-length'), '10')
    const reader = response.body.getReader()
    const { value } = await reader.read()
    assert.equal(Buffer.from(value).toString(), '01234')
    await reader.cancel()
    assert.equal(await emulator.requests[0].closed, 'aborted')
  })

  for (const cut of CUTS) {
    test(cut.name, async (t) => {
      await assertCut(await start(t), cut)
    })
  }

  test('an invalid fault throws, and is not queued', async (t) => {
    const emulator = await start(t)
    const cases = [
      [{ statsu: 500 }, /statsu \(known: times, /],
      [{ times: 0 }, /times/],
      [{ times: 1.5 }, /times/],
      [{ delay: -1 }, /delay/],
      [{ delay: 2 ** 31 }, /delay/],
      [{ status: 100 }, /status/],
      [{ status: '503' }, /status/],
      [{ error: { status: 'OK' } }, /error\.status must be one of CANCELLED, .*UNAUTHENTICATED/],
      [{ error: { status: 'BROKEN' } }, /error\.status must be one of CANCELLED, .*UNAVAILABLE/],
      [{ error: {} }, /error\.status must be one of/],
      [{ error: 'UNAVAILABLE' }, /error must be .* \{ error: \{ status: 'UNAVAILABLE' \} \}/],
      [{ error: null }, /error must be .* \{ error: \{ status: 'UNAVAILABLE' \} \}/],
      [{ error: { status: 'INTERNAL', details: 1n } }, /error\.details must be JSON/],
      [{ headers: { 'no name': 'x' } }, /headers/],
      [{ headers: { x: undefined } }, /headers/],
      [{ headers: { x: 'two\nlines' } }, /headers/],
      [{ body: 'x', contentType: 'two\r\nlines' }, /contentType/],
      [{ retryAfter: 'two\nlines' }, /retryAfter/],
      [{ retryAfter: 1.5 }, /retryAfter/],
      [{ retryAfter: new Date(Number.NaN) }, /retryAfter/],
      [{ body: {} }, /body/],
      [{ match: true }, /match/],
      [{ reset: true }, /reset/],
      [{ stall: 'forever' }, /stall/],
      [{ truncate: 'yes' }, /truncate/],
      [{ reset: 'body', stall: 'body' }, /exclude/],
      [{ truncate: true, stall: 'headers' }, /exclude/],
      [{ error: { status: 'INTERNAL' }, body: '' }, /exclude/],
      [{ contentType: 'text/html' }, /needs a body/],
      [{ reset: 'headers', status: 500 }, /there is no response/],
      [{ stall: 'headers', retryAfter: 1 }, /there is no response/],
      [{ truncate: true, status: 503 }, /empty/],
      [{ reset: 'body', body: '' }, /empty/],
      [{ status: 204, body: 'x' }, /204/],
    ]
    for (const [fault, message] of cases) {
      assert.throws(() => emulator.fault(fault), { name: 'TypeError', message }, String(message))
    }
    assert.equal((await v1(emulator)).status, 200)
  })
})
