// generateVeltAuthToken and generateToken: the token, and the request that Velt receives.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateVeltAuthToken, VeltAuthClient } from 'velt-auth'
import { emulate, emulateWithClient } from './support/emulator.mjs'

const HOUR = 60 * 60 * 1000

test('the promise resolves to the token that Velt signed for this user', async (t) => {
  const { emulator, options } = await emulate(t)
  const token = await generateVeltAuthToken(
    { userId: 'ada', organizationId: 'acme', email: 'ada@acme.example', isAdmin: true },
    options,
  )
  const { userId, permissions, email, isAdmin } = emulator.verify(token)
  assert.deepEqual(
    { userId, permissions, email, isAdmin },
    {
      userId: 'ada',
      permissions: { resources: [{ type: 'organization', id: 'acme' }] },
      email: 'ada@acme.example',
      isAdmin: true,
    },
  )
})

test("v1: the request body equals that of the older editions of Velt's guide", async (t) => {
  const { emulator, client } = await emulateWithClient(t, { apiVersion: 'v1' })
  await client.generateToken({
    userId: 'yourUserId',
    email: 'USER_EMAIL',
    isAdmin: true,
    organizationId: 'YOUR_ORGANIZATION_ID',
  })
  const [request] = emulator.requests
  assert.equal(request.method, 'POST')
  assert.equal(request.path, '/v1/auth/token/get')
  assert.equal(request.headers['content-type'], 'application/json')
  assert.equal(
    request.rawBody,
    `{"data":{"apiKey":"${emulator.apiKey}","authToken":"${emulator.authToken}",` +
      '"userId":"yourUserId","userProperties":{"isAdmin":true,' +
      '"organizationId":"YOUR_ORGANIZATION_ID","email":"USER_EMAIL"}}}',
  )
})

test("v2 is the default: the request body equals that of Velt's reference, byte for byte", async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  await client.generateToken({
    userId: 'user456',
    name: 'Jane Smith',
    email: 'jane@example.com',
    isAdmin: true,
    permissions: { resources: [{ type: 'organization', id: 'org_789', accessRole: 'viewer' }] },
  })
  const [request] = emulator.requests
  assert.equal(request.method, 'POST')
  assert.equal(request.path, '/v2/auth/generate_token')
  assert.equal(request.headers['content-type'], 'application/json')
  assert.equal(
    request.rawBody,
    '{"data":{"userId":"user456","userProperties":{"isAdmin":true,"name":"Jane Smith",' +
      '"email":"jane@example.com"},"permissions":{"resources":[{"type":"organization",' +
      '"id":"org_789","accessRole":"viewer"}]}}}',
  )
})

test("v2: without an organization, permissions are left out, as in the sample of Velt's guide", async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  await client.generateToken('ada')
  await client.generateToken({ userId: 'bob', permissions: { resources: [] } })
  assert.deepEqual(
    emulator.requests.map(({ permissions }) => permissions),
    ['absent', 'absent'],
  )
})

test('the same call works in both API versions', async (t) => {
  const { emulator, options } = await emulate(t)
  const user = { userId: 'ada', organizationId: 'acme', email: 'ada@acme.example', isAdmin: true }
  for (const apiVersion of ['v1', 'v2']) {
    const token = await generateVeltAuthToken(user, { ...options, apiVersion })
    const { userId, organizationId, permissions } = emulator.verify(token)
    assert.equal(userId, 'ada')
    assert.deepEqual(organizationId ?? permissions.resources[0].id, 'acme')
  }
})

test('v2: credentials are sent in headers, and the organization as a resource', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const document = {
    type: 'document',
    id: 'doc-1',
    organizationId: 'acme',
    accessRole: 'viewer',
    expiresAt: 1_900_000_000,
  }
  const { token } = await client.generateToken({
    userId: 'ada',
    organizationId: 'acme',
    name: 'Ada',
    email: 'ada@acme.example',
    isAdmin: false,
    permissions: { resources: [document] },
  })
  const resources = [{ type: 'organization', id: 'acme' }, document]
  const [request] = emulator.requests
  assert.equal(request.path, '/v2/auth/generate_token')
  assert.equal(request.headers['x-velt-api-key'], emulator.apiKey)
  assert.equal(request.headers['x-velt-auth-token'], emulator.authToken)
  assert.deepEqual(request.body, {
    data: {
      userId: 'ada',
      userProperties: { name: 'Ada', email: 'ada@acme.example', isAdmin: false },
      permissions: { resources },
    },
  })
  assert.ok(!request.rawBody.includes(emulator.authToken))
  assert.deepEqual(emulator.verify(token).permissions, { resources })
})

test('null claims are not sent, and strings are sent unchanged', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const userId = 'Zoë "😀" \\ \u0000\u2028'
  const { token } = await client.generateToken({ userId, email: null, organizationId: undefined })
  assert.deepEqual(emulator.requests[0].body.data, { userId, userProperties: {} })
  assert.equal(emulator.verify(token).userId, userId)
})

test('expiresAt is the exp of the token in milliseconds, or 48 hours for an opaque token', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const { token, expiresAt } = await client.generateToken('ada')
  assert.equal(expiresAt, emulator.verify(token).exp * 1000)

  const opaque = { result: { status: 'success', data: { token: 'opaque' } } }
  emulator.fault({ status: 200, body: JSON.stringify(opaque) })
  const before = Date.now()
  const second = await client.generateToken('ada')
  assert.equal(second.token, 'opaque')
  assert.ok(second.expiresAt >= before + 48 * HOUR && second.expiresAt <= Date.now() + 48 * HOUR)
})

test('every call sends a request; calls with the same options share a connection pool', async (t) => {
  const { emulator, options } = await emulate(t)
  const first = await generateVeltAuthToken('ada', options)
  const second = await generateVeltAuthToken('ada', { ...options })
  assert.notEqual(first, second)
  assert.equal(emulator.requests.length, 2)
  assert.equal(emulator.connections, 1)

  await generateVeltAuthToken('ada', { ...options, timeout: 4000 })
  assert.equal(emulator.connections, 2, 'other options use another connection pool')
})

test('credentials and base URL come from environment variables', async (t) => {
  const { emulator, options } = await emulate(t)
  const names = { VELT_API_KEY: 'apiKey', VELT_AUTH_TOKEN: 'authToken', VELT_BASE_URL: 'baseUrl' }
  for (const [name, option] of Object.entries(names)) process.env[name] = options[option]
  t.after(() => {
    for (const name of Object.keys(names)) delete process.env[name]
  })

  assert.equal(emulator.verify(await generateVeltAuthToken('ada')).userId, 'ada')
  const { token } = await new VeltAuthClient().generateToken('bob')
  assert.equal(emulator.verify(token).userId, 'bob')

  process.env.VELT_AUTH_TOKEN = 'rotated'
  emulator.rotateAuthToken('rotated')
  assert.equal(emulator.verify(await generateVeltAuthToken('ada')).userId, 'ada')
})

test('stats() counts requests, and failures by code', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  emulator.fault({ status: 503 })
  await client.generateToken('ada')
  emulator.fault({ error: { status: 'NOT_FOUND' } })
  await assert.rejects(client.generateToken('ada'))
  const { upstreamRequests, failures } = client.stats()
  assert.deepEqual([upstreamRequests, failures], [3, { ERR_VELT_REJECTED: 1 }])
})
