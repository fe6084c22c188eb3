// Any JavaScript value as a user or as options: a call resolves, or rejects with a VeltAuthError. It
// does not end the process, and it does not hang.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { VeltAuthClient, VeltAuthError } from 'velt-auth'
import { emulateWithClient } from './support/emulator.mjs'

const TIMEOUT = { timeout: 60_000 }

const anything = fc.anything({
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withObjectString: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
  stringUnit: 'binary',
})

/** A valid value most of the time, so that the call gets past the validation of the field. */
const mostly = (valid) =>
  fc.oneof({ weight: 4, arbitrary: valid }, { weight: 1, arbitrary: anything })

const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }))

const resource = fc.record(
  {
    type: mostly(fc.constantFrom('organization', 'folder', 'document')),
    id: mostly(text),
    organizationId: mostly(text),
    accessRole: mostly(fc.constantFrom('viewer', 'editor')),
    expiresAt: mostly(fc.maxSafeInteger()),
  },
  { requiredKeys: ['type', 'id'] },
)

const user = fc.oneof(
  anything,
  text,
  fc.record(
    {
      userId: mostly(text),
      organizationId: mostly(text),
      email: mostly(text),
      name: mostly(text),
      isAdmin: mostly(fc.boolean()),
      permissions: mostly(fc.record({ resources: mostly(fc.array(mostly(resource))) })),
    },
    { requiredKeys: ['userId'] },
  ),
)

const callOptions = fc.oneof(
  anything,
  fc.record(
    {
      minValidity: mostly(fc.integer()),
      maxAge: mostly(fc.integer()),
      // At least a second: a call with less may end before the emulator responds.
      deadline: mostly(fc.integer({ min: 1000, max: 2 ** 31 - 1 })),
      signal: mostly(fc.constant(undefined)),
    },
    { requiredKeys: [] },
  ),
)

/** The outcome of a call: `'token'`, or the code of its error. */
async function outcomeOf(call) {
  try {
    const { token, expiresAt } = await call()
    assert.equal(typeof token, 'string')
    assert.ok(Number.isInteger(expiresAt))
    return 'token'
  } catch (error) {
    assert.ok(error instanceof VeltAuthError, error)
    return error.code
  }
}

for (const apiVersion of ['v1', 'v2']) {
  for (const method of ['getToken', 'generateToken']) {
    test(`any user and options in ${method} of ${apiVersion}`, TIMEOUT, async (t) => {
      const { client } = await emulateWithClient(t, { apiVersion, maxAttempts: 1 })
      const seen = new Set()
      const property = fc.asyncProperty(
        user,
        fc.option(callOptions, { nil: undefined }),
        async (someUser, options) => {
          const outcome = await outcomeOf(() => client[method](someUser, options))
          assert.match(outcome, /^(token|ERR_VELT_(INVALID_USER|CONFIG))$/)
          seen.add(outcome)
        },
      )
      await fc.assert(property, { numRuns: 1000 })
      assert.deepEqual(
        [...seen].sort(),
        ['ERR_VELT_CONFIG', 'ERR_VELT_INVALID_USER', 'token'],
        'the values reach every outcome',
      )
      assert.equal(
        (await client[method]('ada')).token.split('.').length,
        3,
        'the client still works',
      )
    })
  }
}

test('any options of a client', TIMEOUT, () => {
  const property = fc.property(anything, text, anything, (options, name, value) => {
    for (const each of [
      options,
      { apiKey: 'key', authToken: 'auth', baseUrl: name },
      { apiKey: 'key', authToken: 'auth', proxy: value },
      { apiKey: 'key', authToken: 'auth', ca: name },
      { apiKey: 'key', authToken: 'auth', cache: value },
      { apiKey: name, authToken: value },
    ]) {
      try {
        new VeltAuthClient(each).close()
      } catch (error) {
        assert.ok(error instanceof VeltAuthError, error)
        assert.equal(error.code, 'ERR_VELT_CONFIG')
      }
    }
  })
  fc.assert(property, { numRuns: 200 })
})
