// Invalid input is rejected before a request is sent. The error message says what to do.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateVeltAuthToken, VeltAuthClient, VeltAuthError } from 'velt-auth'
import { emulate } from './support/emulator.mjs'

const CREDENTIALS = { apiKey: 'key', authToken: 'auth' }

/** `[options, pattern of the error message]` */
const OPTIONS = [
  [{}, /apiKey is missing: .* set VELT_API_KEY/],
  [{ apiKey: 'key' }, /authToken is missing: .* set VELT_AUTH_TOKEN/],
  [{ ...CREDENTIALS, authToken: '' }, /authToken is missing/],
  [{ ...CREDENTIALS, authToken: 'auth\n' }, /authToken contains .* a line break/],
  [{ ...CREDENTIALS, apiKey: 'kéy' }, /apiKey contains .* another character/],
  [{ ...CREDENTIALS, authToken: 7 }, /options\.authToken must be a string, not number; use String/],
  [{ ...CREDENTIALS, timeOut: 5 }, /options cannot have 'timeOut': its fields are .*timeout/],
  [{ ...CREDENTIALS, timeout: '5s' }, /options\.timeout must be a whole number of milliseconds/],
  [{ ...CREDENTIALS, timeout: 0 }, /options\.timeout .* 1 to 2147483647, not 0/],
  [{ ...CREDENTIALS, timeout: Number.NaN }, /options\.timeout .* not NaN/],
  [{ ...CREDENTIALS, deadline: -1 }, /options\.deadline .* not -1/],
  [{ ...CREDENTIALS, deadline: Infinity }, /options\.deadline .* not Infinity/],
  [{ ...CREDENTIALS, deadline: 2 ** 31 }, /options\.deadline .* not 2147483648/],
  [{ ...CREDENTIALS, maxAttempts: 1.5 }, /options\.maxAttempts .* not 1.5/],
  [{ ...CREDENTIALS, maxAttempts: 0 }, /options\.maxAttempts .* attempts, 1 to 10, not 0/],
  [{ ...CREDENTIALS, maxAttempts: 11 }, /options\.maxAttempts .* attempts, 1 to 10, not 11/],
  [{ ...CREDENTIALS, cache: false }, /options\.cache must be an object, not boolean: .*maxEntries/],
  [{ ...CREDENTIALS, apiVersion: 'v3' }, /options\.apiVersion must be 'v1' or 'v2'/],
  [{ ...CREDENTIALS, baseUrl: 'api.velt.dev' }, /baseUrl must be a complete URL/],
  [{ ...CREDENTIALS, baseUrl: 'https://Aé.example' }, /baseUrl must be a complete URL/],
  [{ ...CREDENTIALS, baseUrl: 'http://api.velt.dev' }, /baseUrl must be https/],
  [{ ...CREDENTIALS, baseUrl: 'http://192.168.0.9' }, /baseUrl must be https/],
  [{ ...CREDENTIALS, baseUrl: 'http://localhost.example.com' }, /baseUrl must be https/],
  [{ ...CREDENTIALS, baseUrl: 'ftp://api.velt.dev' }, /baseUrl must begin with https/],
  [{ ...CREDENTIALS, baseUrl: 'https://me:pw@api.velt.dev' }, /must not hold a user name/],
  [{ ...CREDENTIALS, baseUrl: 'https://api.velt.dev?x=1' }, /must not have a query/],
  [{ ...CREDENTIALS, ca: 7 }, /options\.ca must be a string/],
  ['key', /options must be an object, not string/],
  [[CREDENTIALS], /options must be an object, not an array/],
]

for (const [options, message] of OPTIONS) {
  test(`invalid options are rejected with the message ${message.source}`, async () => {
    assert.throws(() => new VeltAuthClient(options), { code: 'ERR_VELT_CONFIG', message })
    await assert.rejects(
      generateVeltAuthToken('ada', options),
      (error) => error instanceof VeltAuthError && error.code === 'ERR_VELT_CONFIG',
    )
  })
}

const DOCUMENT = { type: 'document', id: 'doc', organizationId: 'acme' }
const withResource = (changes) => ({
  userId: 'ada',
  permissions: { resources: [DOCUMENT, { ...DOCUMENT, ...changes }] },
})

/** `[user, pattern of the error message, apiVersion (default: v2)]` */
const USERS = [
  [undefined, /user must be a string id or an object .* not undefined/],
  [null, /user must be a string id or an object .* not null/],
  ['', /userId is empty/],
  [7, /user must be a string id or an object .* not number; use String/],
  [['ada'], /user must be a string id or an object .* not an array/],
  [Promise.resolve({ userId: 'ada' }), /user is a Promise: await it/],
  [{}, /user\.userId is missing, and required/],
  [{ userId: null }, /user\.userId is missing/],
  [{ userId: '' }, /userId is empty/],
  [{ userId: ' \t' }, /userId is empty/],
  [{ userId: 7 }, /user\.userId must be a string, not number; use String/],
  [{ userId: 7n }, /user\.userId must be a string, not bigint; use String/],
  [{ userId: { toString: () => 'ada' } }, /user\.userId must be a string, not object/],
  [{ userId: 'a\ud800' }, /user\.userId must be well-formed Unicode/],
  [{ userId: 'ada', passwordHash: 'x' }, /user cannot have 'passwordHash': its fields are userId/],
  [{ userId: 'ada', isAdmin: 'true' }, /user\.isAdmin must be true or false, not string/],
  [{ userId: 'ada', organizationId: '' }, /organizationId is empty/],
  [{ userId: 'ada', email: ['a@b.c'] }, /user\.email must be a string, not an array/],
  [{ userId: 'ada', name: 'Ada' }, /name cannot be sent with apiVersion 'v1': .*'v2'/, 'v1'],
  [withResource({}), /permissions cannot be sent with apiVersion 'v1': .*'v2'/, 'v1'],
  [
    { userId: 'ada', permissions: { resources: [] } },
    /permissions cannot be sent with apiVersion/,
    'v1',
  ],
  [{ userId: 'ada', permissions: [DOCUMENT] }, /user\.permissions must be an object/],
  [{ userId: 'ada', permissions: { resources: {} } }, /resources must be an array/],
  [{ userId: 'ada', permissions: { resources: Array(1) } }, /resources\[0\] must be an object/],
  [withResource({ type: 'page' }), /resources\[1\]\.type must be 'organization' or/],
  [withResource({ type: undefined }), /resources\[1\]\.type is missing/],
  [withResource({ id: undefined }), /resources\[1\]\.id is missing/],
  [withResource({ id: '' }), /resources\[1\]\.id is empty/],
  [withResource({ accessRole: 'owner' }), /accessRole must be 'viewer' or 'editor'/],
  [withResource({ organizationId: undefined }), /resources\[1\]\.organizationId is missing/],
  [withResource({ type: 'folder', organizationId: null }), /organizationId is missing/],
  [withResource({ expiresAt: Date.now() }), /looks like milliseconds.* divide it by 1000/],
  [withResource({ expiresAt: 1.5 }), /expiresAt must be a whole number, not 1\.5/],
  [withResource({ expiresAt: 0 }), /expiresAt must be a Unix time in seconds/],
  [withResource({ expiresAt: 1_700_000_000 }), /resources\[1\]\.expiresAt is in the past/],
  [withResource({ expiresIn: 0 }), /expiresIn must be a time from now on in seconds, 1 to 2592000/],
  [withResource({ expiresIn: -60 }), /expiresIn must be a time from now on in seconds/],
  [withResource({ expiresIn: 3_600_000 }), /in milliseconds, divide it by 1000/],
  [withResource({ expiresIn: 1_900_000_000 }), /If it is a Unix time.* pass expiresAt/],
  [withResource({ expiresIn: '1h' }), /expiresIn must be a whole number, not string/],
  [
    withResource({ expiresAt: 1_900_000_000, expiresIn: 60 }),
    /resources\[1\] has both expiresAt and expiresIn: omit one/,
  ],
  [withResource({ role: 'editor' }), /resources\[1\] cannot have 'role'/],
]

test('invalid users are rejected with ERR_VELT_INVALID_USER before a request is sent', async (t) => {
  const { emulator, options } = await emulate(t)
  for (const [user, message, apiVersion] of USERS) {
    const client = new VeltAuthClient({ ...options, apiVersion })
    await assert.rejects(client.generateToken(user), (error) => {
      assert.ok(error instanceof VeltAuthError)
      assert.equal(error.code, 'ERR_VELT_INVALID_USER')
      assert.match(error.message, message)
      assert.deepEqual([error.retryable, error.attempts], [false, 0])
      return true
    })
  }
  assert.equal(emulator.connections, 0)
})

test('invalid call options are rejected with ERR_VELT_CONFIG before a request is sent', async (t) => {
  const { emulator, options } = await emulate(t)
  const client = new VeltAuthClient(options)
  for (const [callOptions, message] of [
    [{ deadline: '1s' }, /options\.deadline must be a whole number/],
    [{ signal: {} }, /options\.signal must be an AbortSignal/],
    // An old polyfill of AbortSignal has no other members.
    [
      { signal: { aborted: false, addEventListener() {} } },
      /options\.signal must be an AbortSignal/,
    ],
    [{ timeout: 5 }, /options cannot have 'timeout': its fields are signal, deadline/],
    ['now', /options must be an object/],
  ]) {
    await assert.rejects(client.generateToken('ada', callOptions), {
      code: 'ERR_VELT_CONFIG',
      message,
    })
  }
  assert.equal(emulator.connections, 0)
})

test('a `signal` on Object.prototype does not abort calls', async (t) => {
  const { options } = await emulate(t)
  const client = new VeltAuthClient(options)
  Object.prototype.signal = AbortSignal.abort()
  t.after(() => delete Object.prototype.signal)
  const generated = client.generateToken('ada')
  const got = client.getToken('ada')
  delete Object.prototype.signal
  await Promise.all([generated, got])
})

test('an `isAdmin` on Object.prototype is not sent to Velt', async (t) => {
  const { emulator, options } = await emulate(t)
  Object.prototype.isAdmin = true
  t.after(() => delete Object.prototype.isAdmin)
  await generateVeltAuthToken({ userId: 'ada' }, options)
  assert.deepEqual(emulator.requests[0].body.data, { userId: 'ada', userProperties: {} })
})

test('an auth token in a variable that build tools copy into browser bundles is rejected', (t) => {
  for (const [name, value] of [
    ['NEXT_PUBLIC_VELT_AUTH_TOKEN', 'whatever'],
    ['VITE_VELT_AUTH_TOKEN', 'auth'],
    ['REACT_APP_TOKEN', 'auth'],
    ['PUBLIC_SECRET', 'auth'],
  ]) {
    process.env[name] = value
    t.after(() => delete process.env[name])
    assert.throws(() => new VeltAuthClient(CREDENTIALS), {
      code: 'ERR_VELT_CONFIG',
      message: new RegExp(`^${name} puts the auth token into your browser bundle: rename it`),
    })
    delete process.env[name]
  }
  process.env.NEXT_PUBLIC_VELT_API_KEY = 'key'
  t.after(() => delete process.env.NEXT_PUBLIC_VELT_API_KEY)
  new VeltAuthClient(CREDENTIALS)
})
