// Velt's answers, as velt-api documents them, and the errors that they become.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VeltAuthError } from 'velt-auth'
import { emulateWithClient } from './support/emulator.mjs'

/** `[fault, error, attempts]` for a client that tries twice. */
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
  test(`${fault.error.status} is ${code}`, async (t) => {
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

test('wrong credentials are unauthorized in both versions', async (t) => {
  const v1 = await emulateWithClient(t, { authToken: 'wrong' })
  await assert.rejects(v1.client.generateToken('ada'), {
    code: 'ERR_VELT_UNAUTHORIZED',
    status: 'INVALID_ARGUMENT',
    httpStatus: 400,
    retryable: false,
    attempts: 1,
  })
  const v2 = await emulateWithClient(t, { apiVersion: 'v2', apiKey: 'wrong' })
  await assert.rejects(v2.client.generateToken('ada'), {
    code: 'ERR_VELT_UNAUTHORIZED',
    status: 'PERMISSION_DENIED',
    httpStatus: 403,
  })
})

test("Velt's own sentence is the cause, never the message", async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  emulator.fault({ error: { status: 'NOT_FOUND', message: 'No such organization.' } })
  const error = await client.generateToken('ada').catch((reason) => reason)
  assert.equal(error.cause.message, 'Velt answered: No such organization.')
  assert.ok(!error.message.includes('organization'))
})

test('a failure that mends itself costs a retry and is not seen', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  emulator.fault({ status: 500 })
  emulator.fault({ reset: 'headers' })
  const { token } = await client.generateToken('ada')
  assert.equal(emulator.verify(token).userId, 'ada')
  assert.equal(emulator.requests.length, 3)
})

test('Retry-After in seconds is waited out', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  emulator.fault({ status: 429, retryAfter: 1 })
  await client.generateToken('ada')
  const [first, second] = emulator.requests
  assert.ok(second.receivedAt - first.receivedAt >= 990, 'a timer may be a hair early')
})

test('Retry-After as a date is waited out', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const date = new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000)
  emulator.fault({ status: 503, retryAfter: date })
  await client.generateToken('ada')
  assert.ok(emulator.requests[1].receivedAt >= date.getTime() - 10)
})

test('a Retry-After beyond the deadline is told, not waited for', async (t) => {
  const { emulator, client } = await emulateWithClient(t, { deadline: 2000 })
  emulator.fault({ error: { status: 'RESOURCE_EXHAUSTED' }, retryAfter: 60 })
  await assert.rejects(client.generateToken('ada'), {
    code: 'ERR_VELT_RATE_LIMITED',
    retryAfter: 60_000,
    attempts: 1,
  })
  assert.equal(emulator.requests.length, 1)
})

test('instanceof tells our errors from others, across copies of the package', () => {
  assert.ok(!(new Error('x') instanceof VeltAuthError))
  assert.ok(!(null instanceof VeltAuthError))
  const ofAnotherCopy = Object.assign(new Error('x'), {
    [Symbol.for('velt-auth.VeltAuthError')]: true,
  })
  assert.ok(ofAnotherCopy instanceof VeltAuthError)
  class Narrower extends VeltAuthError {}
  assert.ok(!(ofAnotherCopy instanceof Narrower))
})
