// The permission endpoints of the emulator. Bodies and answers have the format of Velt's reference.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { HEADERS, post, start, TIMEOUT } from './support.mjs'

const send = (emulator, name, data, headers = HEADERS) =>
  post(emulator, `/v2/auth/permissions/${name}`, { data }, { headers })

const ORGANIZATION = { type: 'organization', id: 'org1' }
const DOCUMENT = { type: 'document', id: 'document5', organizationId: 'org1' }
const FOLDER = { type: 'folder', id: 'folder2', organizationId: 'org1' }

/** Adds permissions, and checks that this succeeds. */
async function add(emulator, userId, ...resources) {
  const answer = await send(emulator, 'add', { user: { userId }, permissions: { resources } })
  assert.equal(answer.status, 200, answer.text)
  return answer
}

async function remove(emulator, userId, ...resources) {
  const answer = await send(emulator, 'remove', { userId, permissions: { resources } })
  assert.equal(answer.status, 200, answer.text)
  return answer
}

/** The `result.data` of a `get`. */
async function read(emulator, query) {
  const { status, json } = await send(emulator, 'get', { organizationId: 'org1', ...query })
  assert.equal(status, 200, JSON.stringify(json))
  return json.result.data
}

describe('permissions', TIMEOUT, () => {
  test('add, get and remove answer as in the reference of Velt', async (t) => {
    const emulator = await start(t)
    const added = await add(emulator, '1.1', { ...ORGANIZATION, accessRole: 'editor' }, FOLDER, {
      ...DOCUMENT,
      accessRole: 'viewer',
    })
    assert.equal(
      added.text,
      '{"result":{"status":"success","message":"Permissions added successfully."}}',
    )

    const query = { organizationId: 'org1', documentIds: ['document5'], userIds: ['1.1'] }
    const got = await send(emulator, 'get', { ...query, folderIds: ['folder2'] })
    assert.equal(
      got.text,
      JSON.stringify({
        result: {
          status: 'success',
          message: 'User permissions retrieved successfully.',
          data: {
            1.1: {
              folders: { folder2: { accessRole: 'editor', accessType: 'restricted' } },
              documents: { document5: { accessRole: 'viewer', accessType: 'restricted' } },
              organization: { org1: { accessRole: 'editor' } },
            },
          },
        },
      }),
    )

    const removed = await remove(emulator, '1.1', DOCUMENT)
    assert.equal(
      removed.text,
      '{"result":{"status":"success","message":"Permissions removed successfully."}}',
    )
    assert.deepEqual(await read(emulator, query), {
      1.1: {
        documents: {
          document5: {
            error: 'User does not have access to document',
            errorCode: 'permission_denied',
            accessType: 'restricted',
          },
        },
        organization: { org1: { accessRole: 'editor' } },
      },
    })
  })

  test('a resource that no add has named makes the answer NOT_FOUND, with the tree', async (t) => {
    const emulator = await start(t)
    await add(emulator, '1.1', { ...ORGANIZATION, accessRole: 'editor' })
    const query = { organizationId: 'org1', documentIds: ['document222'], userIds: ['1.1'] }
    const { status, text } = await send(emulator, 'get', query)
    assert.equal(status, 404)
    assert.equal(
      text,
      JSON.stringify({
        error: {
          details: {
            1.1: {
              documents: {
                document222: { error: 'Document does not exist', errorCode: 'does_not_exist' },
              },
              organization: { org1: { accessRole: 'editor' } },
            },
          },
          message: 'Folder or document does not exist',
          status: 'NOT_FOUND',
        },
      }),
    )
    const elsewhere = await send(emulator, 'get', { organizationId: 'org2', userIds: ['1.1'] })
    assert.equal(elsewhere.status, 404)
    assert.deepEqual(elsewhere.json.error, {
      message: 'Organization does not exist',
      status: 'NOT_FOUND',
      details: {
        1.1: {
          organization: {
            org2: { error: 'Organization does not exist', errorCode: 'does_not_exist' },
          },
        },
      },
    })
  })

  test('permissions are separate for each user, type, organization and id', async (t) => {
    const emulator = await start(t)
    await add(emulator, 'ada', DOCUMENT, { ...DOCUMENT, type: 'folder' })
    await add(emulator, 'bob', { ...DOCUMENT, organizationId: 'org2' })
    await remove(emulator, 'ada', { ...DOCUMENT, type: 'folder' })
    const data = await read(emulator, {
      userIds: ['ada', 'bob'],
      documentIds: ['document5'],
      folderIds: ['document5'],
    })
    const outcomes = Object.fromEntries(
      Object.entries(data).map(([userId, { documents, folders, organization }]) => [
        userId,
        [documents.document5, folders.document5, organization.org1].map(
          ({ accessRole, errorCode }) => accessRole ?? errorCode,
        ),
      ]),
    )
    const denied = 'permission_denied'
    assert.deepEqual(outcomes, {
      ada: ['editor', denied, denied],
      bob: [denied, denied, denied],
    })
  })

  test('a permission ends at its expiresAt, in seconds, and a new add replaces it', async (t) => {
    let now = 1_728_902_399_000
    const emulator = await start(t, { now: () => now })
    await add(emulator, 'ada', { ...DOCUMENT, expiresAt: 1_728_902_400 })
    const role = async () => {
      const { ada } = await read(emulator, { userIds: ['ada'], documentIds: ['document5'] })
      return ada.documents.document5
    }
    assert.deepEqual(await role(), {
      accessRole: 'editor',
      accessType: 'restricted',
      expiresAt: 1_728_902_400,
    })
    now += 1000
    assert.equal((await role()).errorCode, 'permission_denied')
    await add(emulator, 'ada', DOCUMENT)
    assert.deepEqual(await role(), { accessRole: 'editor', accessType: 'restricted' })
  })

  test('reset() removes all permissions, and the permissions of tokens are not stored', async (t) => {
    const emulator = await start(t)
    await add(emulator, 'ada', ORGANIZATION)
    await read(emulator, { userIds: ['ada'] })
    emulator.reset()
    const data = { userId: 'ada', userProperties: {}, permissions: { resources: [ORGANIZATION] } }
    await post(emulator, '/v2/auth/generate_token', { data }, { headers: HEADERS })
    const { status } = await send(emulator, 'get', { organizationId: 'org1', userIds: ['ada'] })
    assert.equal(status, 404)
  })

  test('credentials and fields are checked before anything changes', async (t) => {
    const emulator = await start(t)
    await add(emulator, 'ada', ORGANIZATION)
    const user = { userId: 'ada' }
    const permissions = { resources: [ORGANIZATION] }
    const at = 'data.permissions.resources[0]'
    const cases = [
      ['add', { user }, 'data.permissions is required.'],
      ['add', { userId: 'ada', permissions }, 'data.user is required.'],
      ['add', { user: {}, permissions }, 'data.user.userId is required.'],
      [
        'add',
        { user, permissions: { resources: [{ ...DOCUMENT, organizationId: undefined }] } },
        `${at}.organizationId is required on a document.`,
      ],
      ['remove', { user, permissions }, 'data.userId is required.'],
      [
        'remove',
        { userId: 'ada', permissions: { resources: [{ ...ORGANIZATION, accessRole: 'viewer' }] } },
        `${at}.accessRole is not a known field.`,
      ],
      ['get', { userIds: ['ada'] }, 'data.organizationId is required.'],
      ['get', { organizationId: 'org1' }, 'data.userIds is required.'],
      ['get', { organizationId: 'org1', userIds: 'ada' }, 'data.userIds must be an array.'],
      [
        'get',
        { organizationId: 'org1', userIds: ['ada'], folderIds: [1] },
        'data.folderIds[0] must be a non-empty string.',
      ],
    ]
    for (const [name, data, message] of cases) {
      const { status, json } = await send(emulator, name, data)
      assert.deepEqual([status, json.error], [400, { message, status: 'INVALID_ARGUMENT' }])
    }
    for (const name of ['add', 'remove', 'get']) {
      const headers = { ...HEADERS, 'x-velt-auth-token': 'wrong' }
      const { status, json } = await send(emulator, name, {}, headers)
      assert.deepEqual([status, json.error.status], [403, 'PERMISSION_DENIED'])
      assert.equal((await send(emulator, name, {}, {})).status, 401)
    }
    const { ada } = await read(emulator, { userIds: ['ada'] })
    assert.deepEqual(ada.organization, { org1: { accessRole: 'editor' } })
  })
})
