// The error responses that Velt's API documents, and the VeltAuthError that each one becomes.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VeltAuthError } from 'velt-auth'
import { emulateWithClient } from './support/emulator.mjs'

/** `[fault, [code, HTTP status], attempts]` for a client with `maxAttempts: 2`. */
const ANSWERS = [
  [{ error: { status: 'INVALID_ARGUMENT' } }, ['ERR_VELT_REJECTED', 400], 1],
  [{ error: { status: 'FAILED_PRECONDITION' } }, ['ERR_VELT_REJECTED', 400], 1],
  [{ error: { status: 'OUT_OF_RANGE' } }, ['ERR_VELT_REJECTED', 400], 1],
  [{ error: { status: 'UNAUTHENTICATED' } }, ['ERR_VELT_UNAUTHORIZED', 401], 1],
  [{ error: { status: 'PERMISSION_DENIED' } }, ['ERR_VELT_UNAUTHORIZED', 403], 1],
  [{ error: { status: 'NOT_FOUND' } }, ['ERR_VELT_REJECTED', 404], 1],
  [{ error: { status: 'ALREADY_EXISTS' } }, ['ERR_VELT_REJECTED', 409], 1],
  [{ error: { status: 'ABORTED' } }, ['ERR_VELT_UNAVAILABLE', 409], 2],
  [{ error: { status: 'RESOURCE_EXHAUSTED' } }, ['ERR_VELT_RATE_LIMITED', 429], 2],
  [{ error: { status: 'CANCELLED' } }, ['ERR_VELT_UNAVAILABLE', 499], 2],
  [{ error: { status: 'INTERNAL' } }, ['ERR_VELT_UNAVAILABLE', 500], 2],
  [{ error: { status: 'UNKNOWN' } }, ['ERR_VELT_UNAVAILABLE', 500], 2],
  [{ error: { status: 'DATA_LOSS' } }, ['ERR_VELT_REJECTED', 500], 1],
  [{ error: { status: 'UNIMPLEMENTED' } }, ['ERR_VELT_REJECTED', 501], 1],
  [{ error: { status: 'UNAVAILABLE' } }, ['ERR_VELT_UNAVAILABLE', 503], 2],
  [{ error: { status: 'DEADLINE_EXCEEDED' } }, ['ERR_VELT_UNAVAILABLE', 504], 2],
]

for (const [fault, [code, httpStatus], attempts] of ANSWERS) {
  test(`Velt's status ${fault.error.status} becomes ${code}`, async (t) => {
    const { emulator, client } = await emulateWithClient(t, { maxAttempts: 2 })
    emulator.fault({ ...fault, times: Infinity })
    const error = await client.generateToken('ada').catch((reason) => reason)
    assert.ok(error instanceof VeltAuthError)
    assert.ok(error instanceof Error)
    assert.equal(error.name, 'VeltAuthError')
    assert.deepEqual(
      { ...error },
      {
        code,
        retryable: attempts === 2,
        attempts,
        httpStatus,
        status: fault.error.status,
      },
    )
    assert.equal(emulator.requests.length, attempts)
  })
}

test('wrong credentials are ERR_VELT_UNAUTHORIZED in both API versions', async (t) => {
  const v1 = await emulateWithClient(t, { apiVersion: 'v1', authToken: 'wrong' })
  await assert.rejects(v1.client.generateToken('ada'), {
    code: 'ERR_VELT_UNAUTHORIZED',
    status: 'INVALID_ARGUMENT',
    httpStatus: 400,
    retryable: false,
    attempts: 1,
  })
  const v2 = await emulateWithClient(t, { apiKey: 'wrong' })
  await assert.rejects(v2.client.generateToken('ada'), {
    code: 'ERR_VELT_UNAUTHORIZED',
    status: 'PERMISSION_DENIED',
    httpStatus: 403,
  })
})

test("Velt's error text is in `cause`, and not in the message", async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  emulator.fault({ error: { status: 'NOT_FOUND', message: 'No such organization.' } })
  const error = await client.generateToken('ada').catch((reason) => reason)
  assert.equal(error.cause.message, 'Velt responded: No such organization.')
  assert.ok(!error.message.includes('organization'))
})

test('a call succeeds when transient failures end before its last attempt', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  emulator.fault({ status: 500 })
  emulator.fault({ reset: 'headers' })
  const { token } = await client.generateToken('ada')
  assert.equal(emulator.verify(token).userId, 'ada')
  assert.equal(emulator.requests.length, 3)
})

test('a retry waits for a Retry-After in seconds', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  emulator.fault({ status: 429, retryAfter: 1 })
  await client.generateToken('ada')
  const [first, second] = emulator.requests
  assert.ok(second.receivedAt - first.receivedAt >= 990, 'the next attempt is at most 10 ms early')
})

test('a retry waits for a Retry-After that is a date', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const date = new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000)
  emulator.fault({ status: 503, retryAfter: date })
  await client.generateToken('ada')
  assert.ok(emulator.requests[1].receivedAt >= date.getTime() - 10)
})

test('a Retry-After beyond the deadline ends the call, and is in `retryAfter`', async (t) => {
  const { emulator, client } = await emulateWithClient(t, { deadline: 2000 })
  emulator.fault({ error: { status: 'RESOURCE_EXHAUSTED' }, retryAfter: 60 })
  await assert.rejects(client.generateToken('ada'), {
    code: 'ERR_VELT_RATE_LIMITED',
    retryAfter: 60_000,
    attempts: 1,
  })
  assert.equal(emulator.requests.length, 1)
})

test('instanceof recognizes errors of another copy of the package', () => {
  assert.ok(!(new Error('x') instanceof VeltAuthError))
  assert.ok(!(null instanceof VeltAuthError))
  const ofAnotherCopy = Object.assign(new Error('x'), {
    [Symbol.for('velt-auth.VeltAuthError')]: true,
  })
  assert.ok(ofAnotherCopy instanceof VeltAuthError)
  class Narrower extends VeltAuthError {}
  assert.ok(!(ofAnotherCopy instanceof Narrower))
})
