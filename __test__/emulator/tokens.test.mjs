// The tokens that the emulator issues, and its `verify`.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { start, TIMEOUT, v1, v2 } from './support.mjs'

describe('tokens', TIMEOUT, () => {
  test('v1 returns a signed token for 48 hours with the requested claims', async (t) => {
    const now = () => 1_800_000_000_999
    const emulator = await start(t, { now })
    const userProperties = { isAdmin: true, organizationId: 'org', email: 'ada@example.com' }

    const { status, json, headers } = await v1(emulator, { userProperties })

    assert.equal(status, 200)
    assert.match(headers.get('content-type'), /^application\/json/)
    const { token } = json.result.data
    assert.deepEqual(json, {
      result: { status: 'success', message: 'Token generated successfully.', data: { token } },
    })
    const [head] = token.split('.')
    assert.deepEqual(JSON.parse(Buffer.from(head, 'base64url')), { alg: 'HS256', typ: 'JWT' })
    const { jti, ...claims } = emulator.verify(token)
    assert.match(jti, /./)
    assert.deepEqual(claims, {
      userId: 'ada',
      ...userProperties,
      iat: 1_800_000_000,
      exp: 1_800_000_000 + 48 * 3600,
    })
  })

  test('v2 returns a token with the requested permissions, and no other claims', async (t) => {
    const emulator = await start(t)
    const permissions = {
      resources: [
        { type: 'organization', id: 'org', accessRole: 'viewer' },
        { type: 'folder', id: 'f', organizationId: 'org' },
        {
          type: 'document',
          id: 'd',
          organizationId: 'org',
          accessRole: 'editor',
          expiresAt: 1_900_000_000,
        },
      ],
    }
    const userProperties = { name: 'Ada', email: 'ada@example.com', isAdmin: false }

    const full = await v2(emulator, { userProperties, permissions })
    const least = await v2(emulator)

    const { iat, exp, jti, ...claims } = emulator.verify(full.json.result.data.token)
    assert.deepEqual(claims, { userId: 'ada', ...userProperties, permissions })
    const bare = emulator.verify(least.json.result.data.token)
    assert.deepEqual(bare.permissions, { resources: [] })
    assert.equal('name' in bare, false)
    assert.notEqual(bare.jti, jti)
    assert.equal(exp - iat, 48 * 3600)
  })

  test('v2 accepts a request without permissions, and records whether it had them', async (t) => {
    const emulator = await start(t)
    const { status, json } = await v2(emulator, { permissions: undefined })
    assert.equal(status, 200)
    assert.equal('permissions' in emulator.verify(json.result.data.token), false)
    await v2(emulator)
    await v1(emulator)
    const seen = emulator.requests.map(({ permissions }) => permissions)
    assert.deepEqual(seen, ['absent', 'present', undefined])
  })

  test('verify throws for a token of another emulator, a changed token and an expired token', async (t) => {
    let now = 1_800_000_000_000
    const emulator = await start(t, { now: () => now, tokenLifetime: 60_000 })
    const other = await start(t, { now: () => now })
    const { token } = (await v1(emulator)).json.result.data
    const [head, payload, signature] = token.split('.')
    const forged = Buffer.from(JSON.stringify({ userId: 'eve', exp: 2e9 })).toString('base64url')
    const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')

    assert.throws(() => other.verify(token), /not signed/)
    const forgeries = [
      `${head}.${forged}.${signature}`,
      `${none}.${payload}.`,
      `${token}A`,
      `${head}.${payload}`,
      'token',
      '',
    ]
    for (const forgery of forgeries) assert.throws(() => emulator.verify(forgery), /not signed/)
    for (const notAToken of [{ token }, undefined]) {
      assert.throws(() => emulator.verify(notAToken), {
        name: 'TypeError',
        message: /pass the token string/,
      })
    }
    now += 59_999
    assert.equal(emulator.verify(token).userId, 'ada')
    now += 1
    assert.throws(() => emulator.verify(token), /expired/)
  })
})
