// client.permissions: the requests that Velt receives, and its answers.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VeltAuthError } from 'velt-auth'
import { emulateWithClient } from './support/emulator.mjs'
import { REDIS, start, startClient, tokenKeys } from './support/shared-cache.mjs'

const DOCUMENT = { type: 'document', id: 'plan', organizationId: 'acme' }

function assertSent(emulator, path, body) {
  const request = emulator.requests.at(-1)
  assert.equal(request.method, 'POST')
  assert.equal(request.path, path)
  assert.equal(request.headers['content-type'], 'application/json')
  assert.equal(request.headers['x-velt-api-key'], emulator.apiKey)
  assert.equal(request.headers['x-velt-auth-token'], emulator.authToken)
  assert.equal(request.rawBody, body)
}

for (const apiVersion of ['v1', 'v2']) {
  test(`${apiVersion}: the requests equal the examples of Velt's reference, byte for byte`, async (t) => {
    const { emulator, client } = await emulateWithClient(t, { apiVersion })
    const organization = { type: 'organization', id: 'YOUR_ORGANIZATION_ID' }
    await client.permissions.add('some-user-id', [{ ...organization, accessRole: 'editor' }])
    assertSent(
      emulator,
      '/v2/auth/permissions/add',
      '{"data":{"user":{"userId":"some-user-id"},"permissions":{"resources":[' +
        '{"type":"organization","id":"YOUR_ORGANIZATION_ID","accessRole":"editor"}]}}}',
    )
    const document = {
      type: 'document',
      id: 'YOUR_DOCUMENT_ID',
      organizationId: 'YOUR_ORGANIZATION_ID',
      accessRole: 'viewer',
      expiresAt: 1_928_902_400,
    }
    await client.permissions.add({ userId: 'some-user-id' }, [document])
    assertSent(
      emulator,
      '/v2/auth/permissions/add',
      '{"data":{"user":{"userId":"some-user-id"},"permissions":{"resources":[' +
        '{"type":"document","id":"YOUR_DOCUMENT_ID","organizationId":"YOUR_ORGANIZATION_ID",' +
        '"accessRole":"viewer","expiresAt":1928902400}]}}}',
    )
    await client.permissions.remove({ userId: 'USER_ID' }, [
      { type: 'organization', id: 'ORGANIZATION_ID' },
      { type: 'document', id: 'DOCUMENT_ID', organizationId: 'ORGANIZATION_ID' },
    ])
    assertSent(
      emulator,
      '/v2/auth/permissions/remove',
      '{"data":{"userId":"USER_ID","permissions":{"resources":[' +
        '{"type":"organization","id":"ORGANIZATION_ID"},' +
        '{"type":"document","id":"DOCUMENT_ID","organizationId":"ORGANIZATION_ID"}]}}}',
    )
    await client.permissions.get({
      userIds: ['samarth'],
      organizationId: 'org1',
      documentIds: ['freestyle-comments1'],
    })
    assertSent(
      emulator,
      '/v2/auth/permissions/get',
      '{"data":{"organizationId":"org1","documentIds":["freestyle-comments1"],' +
        '"userIds":["samarth"]}}',
    )
  })
}

test('permissions that were added are returned, until they end or are removed', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const get = () =>
    client.permissions.get({
      organizationId: 'acme',
      userIds: ['ada', 'bob'],
      folderIds: ['specs'],
      documentIds: ['plan'],
    })
  const folder = { type: 'folder', id: 'specs', organizationId: 'acme' }
  const before = Math.floor(Date.now() / 1000)
  await client.permissions.add('ada', [
    { type: 'organization', id: 'acme' },
    { ...DOCUMENT, accessRole: 'viewer', expiresIn: 60 },
  ])
  await client.permissions.add('bob', [folder])
  const { ada, bob } = await get()
  const { expiresAt, ...viewer } = ada.documents.plan
  assert.deepEqual(viewer, { accessRole: 'viewer', accessType: 'restricted' })
  assert.ok(expiresAt >= before + 60 && expiresAt <= Date.now() / 1000 + 60)
  assert.deepEqual(ada.organization.acme, { accessRole: 'editor' })
  assert.equal(ada.folders.specs.errorCode, 'permission_denied')
  assert.equal(bob.folders.specs.accessRole, 'editor')
  assert.equal(bob.documents.plan.errorCode, 'permission_denied')

  await client.permissions.remove('ada', [DOCUMENT])
  assert.equal((await get()).ada.documents.plan.errorCode, 'permission_denied')
  assert.equal(client.stats().upstreamRequests, emulator.requests.length)
})

test('a resource that does not exist is data, and not an error', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const query = { organizationId: 'acme', userIds: ['ada', '__proto__'], documentIds: ['plan'] }
  const { ada, ...others } = await client.permissions.get(query)
  assert.equal(ada.documents.plan.errorCode, 'does_not_exist')
  assert.ok(Object.hasOwn(others, '__proto__'), 'every user id is a property of its own')
  assert.equal(emulator.requests[0].status, 404)
  assert.deepEqual(client.stats().failures, {})

  emulator.fault({ error: { status: 'NOT_FOUND', message: 'No such endpoint.' } })
  await assert.rejects(client.permissions.get(query), {
    code: 'ERR_VELT_REJECTED',
    status: 'NOT_FOUND',
  })
})

test('the documented answers come back unchanged', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const data = {
    user_123: {
      documents: { document1: { accessRole: 'editor', accessType: 'organizationPrivate' } },
      organization: { org1: { accessRole: 'editor' } },
      context: { accessFields: ['widgetId:1', 'widgetId:2', 'widgetId:3'] },
    },
  }
  const message = 'User permissions retrieved successfully.'
  emulator.fault({ body: JSON.stringify({ result: { status: 'success', message, data } }) })
  const query = { organizationId: 'org1', userIds: ['user_123'] }
  assert.deepEqual(await client.permissions.get(query), data)
})

test('transient failures are retried, and errors are those of the calls for tokens', async (t) => {
  const { emulator, client } = await emulateWithClient(t, { maxAttempts: 2 })
  const calls = {
    add: () => client.permissions.add('ada', [DOCUMENT]),
    remove: () => client.permissions.remove('ada', [DOCUMENT]),
    get: () => client.permissions.get({ organizationId: 'acme', userIds: ['ada'] }),
  }
  for (const [name, call] of Object.entries(calls)) {
    emulator.reset()
    await calls.add() // the organization exists
    emulator.fault({ error: { status: 'UNAVAILABLE' } })
    await call()
    assert.equal(emulator.requests.length, 3, name)
    for (const [fault, code, attempts] of [
      [{ error: { status: 'INVALID_ARGUMENT', message: 'ERROR_MESSAGE' } }, 'REJECTED', 1],
      [{ error: { status: 'PERMISSION_DENIED' } }, 'UNAUTHORIZED', 1],
      [{ error: { status: 'RESOURCE_EXHAUSTED' } }, 'RATE_LIMITED', 2],
      [{ status: 502, body: '<html>' }, 'UNAVAILABLE', 2],
      [{ body: '{"result":{}}' }, 'BAD_RESPONSE', 2],
    ]) {
      emulator.fault({ ...fault, times: attempts })
      const error = await call().catch((reason) => reason)
      assert.ok(error instanceof VeltAuthError, name)
      assert.deepEqual([error.code, error.attempts], [`ERR_VELT_${code}`, attempts], name)
    }
  }
})

test('deadline, abort and close end the calls', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  emulator.fault({ stall: 'headers', times: Infinity })
  await assert.rejects(client.permissions.add('ada', [DOCUMENT], { deadline: 100 }), {
    code: 'ERR_VELT_TIMEOUT',
    message: /within 100 ms/,
  })
  const query = { organizationId: 'acme', userIds: ['ada'] }
  const controller = new AbortController()
  const get = client.permissions.get(query, { signal: controller.signal })
  const remove = client.permissions.remove('ada', [DOCUMENT], { signal: controller.signal })
  controller.abort()
  await assert.rejects(get, { name: 'AbortError' })
  await assert.rejects(remove, { name: 'AbortError' })
  const pending = [client.permissions.get(query), client.permissions.remove('ada', [DOCUMENT])]
  client.close()
  for (const call of pending) await assert.rejects(call, { code: 'ERR_VELT_CLOSED' })
})

test('the calls wait for a connection, as those for tokens', async (t) => {
  const { emulator, client } = await emulateWithClient(t, { maxConnections: 2 })
  emulator.fault({ stall: 'headers', times: 2 })
  const query = { organizationId: 'acme', userIds: ['ada'] }
  const calls = Promise.allSettled(
    Array.from({ length: 5 }, () => client.permissions.get(query, { deadline: 10_000 })),
  )
  while (client.stats().upstreamWaiting < 3 || emulator.requests.length < 2) {
    await new Promise(setImmediate)
  }
  assert.equal(client.stats().upstreamInFlight, 2)
  client.close()
  await calls
  assert.equal(emulator.requests.length, 2)
})

test('while the circuit breaker is open, no request is sent', async (t) => {
  const { emulator, client } = await emulateWithClient(t, { maxAttempts: 1 })
  emulator.fault({ error: { status: 'UNAVAILABLE' }, times: Infinity })
  for (let call = 0; call < 10; call += 1) {
    await assert.rejects(client.permissions.add('ada', [DOCUMENT]), {
      code: 'ERR_VELT_UNAVAILABLE',
    })
  }
  assert.equal(emulator.requests.length, 5)
})

test('add and remove invalidate the tokens of their user only, and a rejected change does not', async (t) => {
  const { emulator, client } = await emulateWithClient(t, { maxAttempts: 1 })
  const tokens = async () => {
    const [ada, bob] = await Promise.all(['ada', 'bob'].map((user) => client.getToken(user)))
    return [ada.token, bob.token]
  }
  let [ada, bob] = await tokens()
  for (const change of ['add', 'remove']) {
    await client.permissions[change]('ada', [DOCUMENT])
    const [newAda, sameBob] = await tokens()
    assert.notEqual(newAda, ada, change)
    assert.equal(sameBob, bob, change)
    ada = newAda
  }
  emulator.fault({ error: { status: 'INVALID_ARGUMENT' } })
  await assert.rejects(client.permissions.add('ada', [DOCUMENT]), { code: 'ERR_VELT_REJECTED' })
  assert.deepEqual(await tokens(), [ada, bob])

  // Velt may have made the change.
  emulator.fault({ status: 502 })
  await assert.rejects(client.permissions.remove('ada', [DOCUMENT]), {
    code: 'ERR_VELT_UNAVAILABLE',
  })
  assert.notEqual((await tokens())[0], ada)
})

test('a change invalidates the tokens on every server', REDIS, async (t) => {
  const { redis, options } = await start(t)
  const [one, two] = [startClient(t, options), startClient(t, options)]
  const { token } = await one.getToken('ada')
  while (tokenKeys(redis).length === 0) await new Promise(setImmediate)
  assert.equal((await two.getToken('ada')).token, token)
  await two.permissions.remove('ada', [DOCUMENT])
  const removedAt = Date.now()
  while ((await one.getToken('ada')).token === token) {
    assert.ok(Date.now() - removedAt < 1500)
  }

  await redis.kill()
  await assert.rejects(two.permissions.remove('ada', [DOCUMENT], { deadline: 10_000 }), {
    code: 'ERR_VELT_NETWORK',
    message: /shared cache/,
  })
})

test('invalid changes and queries are rejected before a request is sent', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const { permissions } = client
  const query = { organizationId: 'acme', userIds: ['ada'] }
  for (const [call, message] of [
    [() => permissions.add(undefined, [DOCUMENT]), /user must be an object, not undefined/],
    [() => permissions.add('', [DOCUMENT]), /userId is empty/],
    [
      () => permissions.add({ userId: 'ada', email: 'a@b' }, [DOCUMENT]),
      /user cannot have 'email'/,
    ],
    [() => permissions.add('ada', DOCUMENT), /resources must be an array/],
    [() => permissions.add('ada', []), /resources is empty/],
    [() => permissions.add('ada', [{ type: 'folder', id: 'f' }]), /resources\[0\]\.organizationId/],
    [() => permissions.add('ada', [{ ...DOCUMENT, expiresAt: 7 }]), /expiresAt is in the past/],
    [() => permissions.add('ada', [{ ...DOCUMENT, expiresIn: 0 }]), /resources\[0\]\.expiresIn/],
    [
      () => permissions.remove('ada', [{ ...DOCUMENT, accessRole: 'viewer' }]),
      /resources\[0\] cannot have 'accessRole': its fields are type, id, organizationId/,
    ],
    [() => permissions.get(undefined), /query must be an object/],
    [() => permissions.get({ userIds: ['ada'] }), /query\.organizationId is missing/],
    [() => permissions.get({ ...query, organizationId: '' }), /organizationId is empty/],
    [() => permissions.get({ ...query, userIds: [] }), /userIds is empty/],
    [() => permissions.get({ ...query, userIds: 'ada' }), /query\.userIds must be an array/],
    [() => permissions.get({ ...query, documentIds: [' '] }), /documentIds\[0\] is empty/],
    [() => permissions.get({ ...query, folderIds: [7] }), /query\.folderIds\[0\] must be a string/],
  ]) {
    await assert.rejects(call(), { code: 'ERR_VELT_INVALID_USER', message })
  }
  await assert.rejects(permissions.get(query, { timeout: 5 }), { code: 'ERR_VELT_CONFIG' })
  assert.equal(emulator.connections, 0)
})
