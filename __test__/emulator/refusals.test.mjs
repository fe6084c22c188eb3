// The requests that the emulator rejects, with the errors of Velt's API.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CREDENTIALS, HEADERS, post, start, TIMEOUT, V1, v1, v2 } from './support.mjs'

describe('refusals', TIMEOUT, () => {
  function assertInvalid({ status, json }, message) {
    assert.equal(status, 400)
    assert.deepEqual(json, { error: { message, status: 'INVALID_ARGUMENT' } })
  }

  test('v1 credentials are checked in the body', async (t) => {
    const emulator = await start(t)
    const wrong = [
      { authToken: 'wrong' },
      { authToken: undefined },
      { apiKey: 'wrong' },
      { apiKey: undefined },
      { apiKey: 1 },
    ]
    for (const credentials of wrong) {
      const answer = await v1(emulator, credentials, { headers: HEADERS })
      assertInvalid(answer, 'Auth token not found.')
    }
  })

  test('v2 credentials are checked in the headers', async (t) => {
    const emulator = await start(t)
    const cases = [
      [{}, 401, 'UNAUTHENTICATED'],
      [{ 'x-velt-api-key': CREDENTIALS.apiKey }, 401, 'UNAUTHENTICATED'],
      [{ 'x-velt-auth-token': CREDENTIALS.authToken }, 401, 'UNAUTHENTICATED'],
      [{ ...HEADERS, 'x-velt-auth-token': 'wrong' }, 403, 'PERMISSION_DENIED'],
      [{ ...HEADERS, 'x-velt-api-key': 'wrong' }, 403, 'PERMISSION_DENIED'],
    ]
    for (const [headers, code, name] of cases) {
      const { status, json } = await v2(emulator, {}, { headers })
      assert.deepEqual([status, json.error.status], [code, name])
    }
  })

  test('a rotated auth token replaces the old one', async (t) => {
    const emulator = await start(t, { authToken: 'old' })
    assert.equal((await v1(emulator, { authToken: 'old' })).status, 200)
    emulator.rotateAuthToken('new')
    assert.equal(emulator.authToken, 'new')
    assert.equal((await v1(emulator, { authToken: 'old' })).status, 400)
    assert.equal((await v1(emulator, { authToken: 'new' })).status, 200)
    assert.throws(() => emulator.rotateAuthToken(''), TypeError)
  })

  test('each of several auth tokens is accepted until it is reset', async (t) => {
    const emulator = await start(t, { authToken: ['one', 'two'] })
    const accepted = async (authToken) => (await v1(emulator, { authToken })).status === 200
    assert.deepEqual(emulator.authTokens, ['one', 'two'])
    assert.equal(emulator.authToken, 'one')

    const second = emulator.resetAuthToken('two')
    assert.deepEqual(emulator.authTokens, ['one', second])
    const first = emulator.resetAuthToken()
    assert.deepEqual(emulator.authTokens, [first, second])
    assert.equal(emulator.authToken, first)
    assert.notEqual(first, second)
    for (const token of ['one', 'two']) assert.equal(await accepted(token), false, token)
    for (const token of [first, second]) assert.equal(await accepted(token), true, token)
    const headers = { ...HEADERS, 'x-velt-auth-token': second }
    assert.equal((await v2(emulator, {}, { headers })).status, 200)

    assert.throws(() => emulator.resetAuthToken('one'), TypeError)
    emulator.rotateAuthToken('only')
    assert.deepEqual(emulator.authTokens, ['only'])
    assert.equal(await accepted(first), false)
  })

  test('unknown paths, wrong methods, content types and envelopes are rejected', async (t) => {
    const emulator = await start(t)
    const data = { ...CREDENTIALS, userId: 'ada' }
    const good = JSON.stringify({ data })
    const cases = [
      ['/v1/auth/token', good, {}, 404, 'NOT_FOUND'],
      [`${V1}?a=1`, good, {}, 404, 'NOT_FOUND'],
      ['/__proto__', good, {}, 404, 'NOT_FOUND'],
      [V1, good, { method: 'PUT' }, 400, 'INVALID_ARGUMENT'],
      [V1, undefined, { method: 'GET' }, 400, 'INVALID_ARGUMENT'],
      [V1, good, { headers: { 'content-type': 'text/plain' } }, 400, 'INVALID_ARGUMENT'],
      [V1, good, { headers: { 'content-type': 'application/jsonp' } }, 400, 'INVALID_ARGUMENT'],
      [V1, '{"data":', {}, 400, 'INVALID_ARGUMENT'],
      [V1, 'null', {}, 400, 'INVALID_ARGUMENT'],
      [V1, '[]', {}, 400, 'INVALID_ARGUMENT'],
      [V1, data, {}, 400, 'INVALID_ARGUMENT'],
      [V1, { data, extra: 1 }, {}, 400, 'INVALID_ARGUMENT'],
      [V1, { data: null }, {}, 400, 'INVALID_ARGUMENT'],
    ]
    for (const [path, body, init, code, name] of cases) {
      const { status, json } = await post(emulator, path, body, init)
      assert.deepEqual(
        [status, json?.error.status],
        [code, name],
        `${path} ${JSON.stringify(body)}`,
      )
      assert.notEqual(json.error.message, 'Auth token not found.')
    }
    const charset = { headers: { 'content-type': 'Application/JSON; charset=utf-8' } }
    assert.equal((await post(emulator, V1, good, charset)).status, 200)
  })

  const resource = (changes) => ({
    permissions: { resources: [{ type: 'document', id: 'd', organizationId: 'o', ...changes }] },
  })
  const at = 'data.permissions.resources[0]'
  const wrongFields = {
    v1: [
      [{ userId: undefined }, 'data.userId is required.'],
      [{ userId: '' }, 'data.userId must be a non-empty string.'],
      [{ userId: 7 }, 'data.userId must be a non-empty string.'],
      [{ permissions: { resources: [] } }, 'data.permissions is not a known field.'],
      [{ userProperties: null }, 'data.userProperties must be an object.'],
      [{ userProperties: [] }, 'data.userProperties must be an object.'],
      [{ userProperties: { isAdmin: 'true' } }, 'data.userProperties.isAdmin must be a boolean.'],
      [{ userProperties: { name: 'Ada' } }, 'data.userProperties.name is not a known field.'],
      [
        { userProperties: { email: null } },
        'data.userProperties.email must be a non-empty string.',
      ],
      [
        { userProperties: { organizationId: 5 } },
        'data.userProperties.organizationId must be a non-empty string.',
      ],
    ],
    v2: [
      [CREDENTIALS, 'data.apiKey is not a known field.'],
      [{ userProperties: undefined }, 'data.userProperties is required.'],
      [{ permissions: {} }, 'data.permissions.resources is required.'],
      [{ permissions: { resources: {} } }, 'data.permissions.resources must be an array.'],
      [
        { userProperties: { organizationId: 'o' } },
        'data.userProperties.organizationId is not a known field.',
      ],
      [resource({ type: 'team' }), `${at}.type must be one of organization, folder, document.`],
      [resource({ id: undefined }), `${at}.id is required.`],
      [resource({ role: 'viewer' }), `${at}.role is not a known field.`],
      [resource({ accessRole: 'owner' }), `${at}.accessRole must be one of viewer, editor.`],
      [resource({ organizationId: undefined }), `${at}.organizationId is required on a document.`],
      [resource({ expiresAt: Date.now() }), `${at}.expiresAt must be a Unix time in seconds.`],
      [resource({ expiresAt: 1.5 }), `${at}.expiresAt must be a Unix time in seconds.`],
    ],
  }
  for (const [version, call] of Object.entries({ v1, v2 })) {
    test(`${version}: unknown, missing and invalid fields are rejected`, async (t) => {
      const emulator = await start(t)
      for (const [data, message] of wrongFields[version]) {
        assertInvalid(await call(emulator, data), message)
      }
    })
  }
})
