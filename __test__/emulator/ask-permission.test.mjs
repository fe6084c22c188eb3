// The emulator as the caller of a permission provider.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { start, TIMEOUT } from './support.mjs'

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
})
