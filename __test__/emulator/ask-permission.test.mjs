// The emulator as the caller of a permission provider.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { HEADERS, post, start, TIMEOUT } from './support.mjs'

const DOCUMENT = {
  userId: 'user123',
  resource: {
    id: 'doc789',
    type: 'document',
    source: 'setDocuments',
    organizationId: 'org456',
    parentFolderId: 'folder101',
  },
}
const ORGANIZATION = {
  userId: 'user123',
  resource: { id: 'org456', type: 'organization', source: 'identify', organizationId: 'org456' },
}
const YES = {
  userId: 'user123',
  resourceId: 'doc789',
  type: 'document',
  organizationId: 'org456',
  hasAccess: true,
  accessRole: 'editor',
  expiresAt: 1_699_876_543_210,
}
const NO = {
  userId: 'user123',
  resourceId: 'org456',
  type: 'organization',
  organizationId: 'org456',
  hasAccess: false,
}

/** Starts a provider that answers with `body`. `requests` has what it received. */
async function provider(t, body, status = 200) {
  const requests = []
  const server = createServer(async (req, res) => {
    const { method, headers } = req
    requests.push({ method, headers, body: await text(req) })
    res.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return { url: `http://127.0.0.1:${server.address().port}/check`, requests }
}

const answer = (...data) => ({ data, success: true, statusCode: 200, message: 'OK' })

describe('askPermission', TIMEOUT, () => {
  test('sends the envelope of Velt, and returns the results in the order of the queries', async (t) => {
    const emulator = await start(t)
    const { url, requests } = await provider(t, answer(NO, YES))
    const queries = [DOCUMENT, ORGANIZATION]
    assert.deepEqual(await emulator.askPermission(url, queries, { token: 'secret' }), [YES, NO])
    await emulator.askPermission(url, queries)

    const [first, second] = requests
    assert.equal(first.method, 'POST')
    assert.equal(first.headers['content-type'], 'application/json')
    assert.equal(first.headers.authorization, 'Bearer secret')
    assert.equal(first.body, JSON.stringify({ data: { requests: queries } }))
    assert.equal('authorization' in second.headers, false)
  })

  test('rejects an answer that is not as in the reference of Velt', async (t) => {
    const emulator = await start(t)
    const cases = [
      ['<html>', /must be an object with an array/],
      ['null', /must be an object with an array/],
      [[YES], /must be an object with an array/],
      [{ ...answer(YES), success: false }, /`success`/],
      [{ data: [YES] }, /`success`/],
      [answer(), /one result for each query: 1, not 0/],
      [answer(YES, YES), /one result for each query: 1, not 2/],
      [answer(null), /data\[0\] must be an object/],
      [answer({ ...YES, resourceId: undefined }), /data\[0\]\.resourceId is required/],
      [answer({ ...YES, hasAccess: 'yes' }), /data\[0\]\.hasAccess has a wrong value/],
      [answer({ ...YES, accessRole: 'owner' }), /data\[0\]\.accessRole has a wrong value/],
      [answer({ ...YES, expiresAt: 1_699_876_543 }), /data\[0\]\.expiresAt has a wrong value/],
      [answer({ ...YES, role: 'viewer' }), /data\[0\]\.role is not a known field/],
      [answer({ ...YES, hasAccess: false }), /data\[0\] must have no accessRole/],
      [answer({ ...YES, userId: 'other' }), /no result for query 0/],
    ]
    for (const [body, message] of cases) {
      const { url } = await provider(t, body)
      const rejection = { name: 'Error', message, status: 200 }
      await assert.rejects(emulator.askPermission(url, [DOCUMENT]), rejection)
    }
  })

  test('rejects another HTTP status, without the token or the body in the error', async (t) => {
    const emulator = await start(t)
    const { url } = await provider(t, 'bearer-7c1e is wrong', 401)
    await assert.rejects(
      emulator.askPermission(url, [DOCUMENT], { token: 'bearer-7c1e' }),
      (error) => {
        assert.equal(error.status, 401)
        assert.doesNotMatch(JSON.stringify([error.message, error.stack]), /bearer-7c1e/)
        return true
      },
    )
  })

  test('get returns the allowed access context as in the reference of Velt, until it ends', async (t) => {
    let now = 1_699_876_540_000
    const emulator = await start(t, { now: () => now })
    const headers = HEADERS
    const organization = { type: 'organization', id: 'org1', accessRole: 'editor' }
    const document = { type: 'document', id: 'document1', organizationId: 'org1' }
    const grant = {
      user: { userId: 'user_123' },
      permissions: { resources: [organization, document] },
    }
    await post(emulator, '/v2/auth/permissions/add', { data: grant }, { headers })
    const get = async () => {
      const data = {
        organizationId: 'org1',
        userIds: ['user_123', 'other'],
        documentIds: ['document1'],
      }
      const { json } = await post(emulator, '/v2/auth/permissions/get', { data }, { headers })
      return json.result.data
    }
    assert.ok(!('context' in (await get()).user_123))

    const query = (access) => ({
      userId: 'user_123',
      resource: {
        id: JSON.stringify(access),
        type: 'context',
        source: 'setDocuments',
        organizationId: 'org1',
        context: { access },
      },
    })
    const result = ({ userId, resource: { id, type, organizationId } }, decision) => ({
      userId,
      resourceId: id,
      type,
      organizationId,
      ...decision,
    })
    const queries = [1, 2, 3, 4].map((widgetId) => query({ widgetId }))
    const ends = { hasAccess: true, expiresAt: 1_699_876_543_210 }
    const decisions = [{ hasAccess: true }, { hasAccess: true }, ends, { hasAccess: false }]
    const ask = async (...given) => {
      const body = answer(...queries.map((it, i) => result(it, given[i])))
      await emulator.askPermission((await provider(t, body)).url, queries)
    }
    await ask(...decisions)
    assert.deepEqual(await get(), {
      user_123: {
        documents: { document1: { accessRole: 'editor', accessType: 'restricted' } },
        organization: { org1: { accessRole: 'editor' } },
        context: { accessFields: ['widgetId:1', 'widgetId:2', 'widgetId:3'] },
      },
      other: {
        documents: {
          document1: {
            error: 'User does not have access to document',
            errorCode: 'permission_denied',
            accessType: 'restricted',
          },
        },
        organization: {
          org1: {
            error: 'User does not have access to organization',
            errorCode: 'permission_denied',
          },
        },
      },
    })
    now = ends.expiresAt
    const fields = async () => (await get()).user_123.context?.accessFields
    assert.deepEqual(await fields(), ['widgetId:1', 'widgetId:2'])
    await ask(...[1, 2, 3, 4].map((widget) => ({ hasAccess: widget === 1 })))
    assert.deepEqual(await fields(), ['widgetId:1'])
    emulator.reset()
    await post(emulator, '/v2/auth/permissions/add', { data: grant }, { headers })
    assert.equal(await fields(), undefined)
  })
})
