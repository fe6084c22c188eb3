// The endpoint of the permission provider gives the same answers in every framework, with and without
// body parsers. Velt's side is the emulator.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import { describe, test } from 'node:test'
import { startEmulator } from 'velt-auth/emulator'
import { ENDPOINTS, PATH } from './support/permission-endpoints.mjs'
import { listen } from './support/servers.mjs'

const TOKEN = 'bearer-3f5a'
const BEARER = { authorization: `Bearer ${TOKEN}` }
const TIMEOUT = { timeout: 60_000 }

/** The queries and results of Velt's guide. */
const QUERIES = [
  {
    userId: 'user123',
    resource: { id: 'org456', type: 'organization', source: 'identify', organizationId: 'org456' },
  },
  {
    userId: 'user123',
    resource: {
      id: 'doc789',
      type: 'document',
      source: 'setDocuments',
      organizationId: 'org456',
      parentFolderId: 'folder101',
    },
  },
  {
    userId: 'user123',
    resource: {
      id: 'folder101',
      type: 'folder',
      source: 'setDocuments',
      organizationId: 'org456',
    },
  },
  {
    userId: 'user123',
    resource: {
      id: 'doc789',
      type: 'context',
      source: 'setDocuments',
      organizationId: 'org456',
      context: { access: { entityId: 'numberOfVisitors' } },
    },
  },
]

const queryFor = (id) => ({
  userId: 'ada',
  resource: { id, type: 'document', source: 'setDocuments', organizationId: 'acme' },
})

const never = new Promise(() => {})
const BUG = new Error('the database is down')
const bug = () => {
  throw BUG
}

/** Starts the endpoint. `errors` collects the calls of `onError`, and `asked` the queries of `authorize`. */
async function start(t, { listener }, { authorize = () => true, ...options } = {}) {
  const emulator = await startEmulator()
  t.after(() => emulator.close())
  const errors = []
  const asked = []
  const requestListener = await listener({
    token: TOKEN,
    onError: (error, query) => errors.push([error, query]),
    authorize: (...args) => {
      asked.push(args)
      return authorize(...args)
    },
    ...options,
  })
  const { url, sockets } = await listen(t, createServer(requestListener), 'http://127.0.0.1')
  const endpoint = `${url}${PATH}`
  const ask = (queries, asker = { token: TOKEN }) =>
    emulator.askPermission(endpoint, queries, asker)
  const post = (body, { headers, ...init } = {}) =>
    fetch(endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...BEARER, ...headers },
      body,
      ...init,
    })
  return { ask, post, errors, asked, endpoint, sockets }
}

const envelope = (requests) => JSON.stringify({ data: { requests } })

const until = async (isReached) => {
  while (!isReached()) await new Promise(setImmediate)
}

async function assertProblem(response, status, code, message) {
  assert.equal(response.status, status)
  assert.equal(response.headers.get('cache-control'), 'no-store')
  assert.match(response.headers.get('content-type'), /^application\/json/)
  const { error } = await response.json()
  assert.deepEqual(Object.keys(error), ['code', 'message', 'retryable'])
  assert.equal(error.code, code)
  assert.equal(error.retryable, status === 408)
  assert.match(error.message, message)
}

for (const [name, framework] of Object.entries(ENDPOINTS)) {
  describe(name, TIMEOUT, () => {
    test('answers the queries of the guide of Velt in the format of the guide', async (t) => {
      const { post, asked, errors } = await start(t, framework, {
        authorize: ({ resource }) =>
          resource.type !== 'document' || { hasAccess: true, accessRole: 'editor', expiresIn: 600 },
      })
      const before = Date.now()
      const response = await post(envelope(QUERIES))
      const after = Date.now()
      assert.equal(response.status, 200)
      assert.equal(response.headers.get('cache-control'), 'no-store')
      assert.match(response.headers.get('content-type'), /^application\/json/)
      const text = await response.text()
      const expiresAt = JSON.parse(text).data[1].expiresAt
      assert.ok(expiresAt >= before + 600_000 && expiresAt <= after + 600_000, `${expiresAt}`)
      const result = (resourceId, type, more) => ({
        userId: 'user123',
        resourceId,
        type,
        organizationId: 'org456',
        hasAccess: true,
        ...more,
      })
      assert.equal(
        text,
        JSON.stringify({
          data: [
            result('org456', 'organization'),
            result('doc789', 'document', { accessRole: 'editor', expiresAt }),
            result('folder101', 'folder'),
            result('doc789', 'context'),
          ],
          success: true,
          statusCode: 200,
          message: 'Permissions validated successfully',
        }),
      )
      // `authorize` gets the query of Velt, and nothing else of the HTTP request.
      assert.deepEqual(
        asked,
        QUERIES.map((query) => [query]),
      )
      assert.equal('parentFolderId' in asked[2][0].resource, false)
      assert.deepEqual(errors, [])
    })

    test('accepts only the right bearer token, and asks nothing without it', async (t) => {
      const { ask, post, asked, errors } = await start(t, framework, {
        token: ['current-1', 'next-2'],
      })
      for (const token of ['current-1', 'next-2']) {
        assert.equal((await ask(QUERIES, { token }))[0].hasAccess, true)
      }
      asked.length = 0
      const wrong = [
        undefined,
        '',
        'current-1',
        'Bearer',
        'Bearer ',
        'Basic current-1',
        'Bearer current-',
        'Bearer current-12',
        'Bearer CURRENT-1',
        'Bearer current-1 next-2',
        'Bearer current-1, Bearer next-2',
        `Bearer ${'x'.repeat(4000)}`,
      ]
      for (const authorization of wrong) {
        const headers = { authorization: authorization ?? '' }
        const response = await post(envelope(QUERIES), { headers })
        assert.equal(response.headers.get('www-authenticate'), 'Bearer')
        await assertProblem(response, 401, 'unauthenticated', /missing or wrong/)
      }
      await assert.rejects(ask(QUERIES, {}), { status: 401 })
      assert.deepEqual(asked, [])
      assert.deepEqual(errors, [])
      const lowerCase = await post(envelope(QUERIES), {
        headers: { authorization: 'bearer next-2' },
      })
      assert.equal(lowerCase.status, 200)
    })

    test('the user comes from the query, whatever else the request claims', async (t) => {
      const { endpoint, asked } = await start(t, framework)
      const extra = {
        isAdmin: true,
        user: { id: 'eve' },
        token: TOKEN,
        __proto__: { userId: 'eve' },
      }
      const response = await fetch(`${endpoint}`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...BEARER,
          userid: 'eve',
          cookie: 'user=eve',
        },
        body: JSON.stringify({
          userId: 'eve',
          data: { userId: 'eve', requests: [{ ...queryFor('plan'), ...extra }] },
        }),
      })
      assert.equal(response.status, 200)
      assert.deepEqual(asked, [[queryFor('plan')]])
    })

    test('1,000 queries are answered in order, at most 32 at the same time', async (t) => {
      let running = 0
      let most = 0
      const { ask, asked } = await start(t, framework, {
        authorize: async ({ resource }) => {
          most = Math.max(most, ++running)
          await new Promise(setImmediate)
          running--
          return Number(resource.id) % 2 === 0
        },
      })
      const queries = Array.from({ length: 1000 }, (_, i) => queryFor(String(i)))
      const results = await ask(queries)
      assert.deepEqual(
        results.map(({ resourceId, hasAccess }) => [resourceId, hasAccess]),
        queries.map(({ resource }, i) => [resource.id, i % 2 === 0]),
      )
      assert.equal(asked.length, 1000)
      assert.equal(most, 32)
    })

    test('maxConcurrency limits how many queries run at the same time', async (t) => {
      let running = 0
      let most = 0
      const { ask } = await start(t, framework, {
        maxConcurrency: 3,
        authorize: async () => {
          most = Math.max(most, ++running)
          await new Promise(setImmediate)
          running--
          return true
        },
      })
      await ask(Array.from({ length: 20 }, (_, i) => queryFor(String(i))))
      assert.equal(most, 3)
    })

    test('a query with an error is denied, and the others are not affected', async (t) => {
      const hasAccess = true
      const invalid = 'ERR_VELT_CONFIG'
      const cases = {
        throws: [bug, BUG],
        rejects: [async () => bug(), BUG],
        'rejects with nothing': [() => Promise.reject(), undefined],
        'never answers': [() => never, 'ERR_VELT_TIMEOUT'],
        nothing: [() => undefined, invalid],
        null: [() => null, invalid],
        truthy: [() => 1, invalid],
        text: [() => 'true', invalid],
        list: [() => [true], invalid],
        empty: [() => ({}), invalid],
        'access is text': [() => ({ hasAccess: 'true' }), invalid],
        'unknown role': [() => ({ hasAccess, accessRole: 'owner' }), invalid],
        'unknown field': [() => ({ hasAccess, role: 'viewer' }), invalid],
        'the unit of the wire': [() => ({ hasAccess, expiresAt: Date.now() + 60_000 }), invalid],
        'no time left': [() => ({ hasAccess, expiresIn: 0 }), invalid],
        fraction: [() => ({ hasAccess, expiresIn: 0.5 }), invalid],
        prototype: [() => Object.create({ hasAccess }), invalid],
        unreadable: [
          () => ({
            get hasAccess() {
              return bug()
            },
          }),
          BUG,
        ],
      }
      const { ask, errors } = await start(t, framework, {
        timeout: 300,
        authorize: ({ resource }) => !Object.hasOwn(cases, resource.id) || cases[resource.id][0](),
      })
      const wrong = Object.keys(cases)
      const queries = ['good', ...wrong, 'fine'].map(queryFor)
      const results = await ask(queries)
      assert.deepEqual(
        results.map(({ resourceId, ...result }) => [resourceId, result.hasAccess]),
        queries.map(({ resource: { id } }) => [id, id === 'good' || id === 'fine']),
      )
      const reasons = Object.fromEntries(
        errors.map(([error, query]) => [query.resource.id, error?.code ?? error]),
      )
      assert.deepEqual(reasons, Object.fromEntries(wrong.map((id) => [id, cases[id][1]])))
      assert.equal(errors.length, wrong.length)
      const messageFor = (id) => errors.find(([, query]) => query.resource.id === id)[0].message
      assert.match(messageFor('nothing'), /^authorize must return true, false or .*, not undefined/)
      assert.match(messageFor('the unit of the wire'), /'expiresAt': its fields are .* expiresIn/)
    })

    test('a query that cannot be read is denied, and authorize does not get it', async (t) => {
      const { post, asked, errors } = await start(t, framework)
      const good = queryFor('plan')
      const changed = (resource) => ({ ...good, resource: { ...good.resource, ...resource } })
      const context = changed({ type: 'context', context: { access: { entityId: 1 } } })
      const wrong = [
        null,
        7,
        'ada',
        [],
        {},
        { ...good, userId: undefined },
        { ...good, userId: '' },
        { ...good, userId: 7 },
        { ...good, userId: '\ud800' },
        { ...good, resource: undefined },
        { ...good, resource: [] },
        changed({ id: undefined }),
        changed({ type: 'team' }),
        changed({ type: '__proto__' }),
        changed({ type: undefined }),
        changed({ source: undefined }),
        changed({ organizationId: null }),
        changed({ parentFolderId: null }),
        changed({ type: 'context' }),
        changed({ type: 'context', context: {} }),
        changed({ type: 'context', context: { access: { entityId: { $ne: 1 } } } }),
      ]
      const response = await post(envelope([good, ...wrong, context]))
      assert.equal(response.status, 200)
      const { data } = await response.json()
      assert.deepEqual(
        data.map(({ hasAccess }) => hasAccess),
        [true, ...wrong.map(() => false), true],
      )
      assert.deepEqual(data[9], {
        resourceId: 'plan',
        type: 'document',
        organizationId: 'acme',
        hasAccess: false,
      })
      assert.deepEqual(asked, [[good], [context]])
      assert.equal(errors.length, wrong.length)
      for (const [error, query] of errors) {
        assert.ok(error instanceof TypeError)
        assert.match(error.message, /access is denied/)
        assert.equal(query, undefined)
      }
    })

    test('a source that is not known yet is accepted', async (t) => {
      const { ask, asked } = await start(t, framework)
      const query = queryFor('plan')
      query.resource.source = 'aCallOfTheFuture'
      assert.equal((await ask([query]))[0].hasAccess, true)
      assert.deepEqual(asked, [[query]])
    })

    test('without access there is no role and no end', async (t) => {
      const { ask } = await start(t, framework, {
        authorize: () => ({ hasAccess: false, accessRole: 'editor', expiresIn: 60 }),
      })
      assert.deepEqual(await ask([queryFor('plan')]), [
        {
          userId: 'ada',
          resourceId: 'plan',
          type: 'document',
          organizationId: 'acme',
          hasAccess: false,
        },
      ])
      const { ask: askNulls } = await start(t, framework, {
        authorize: () => ({ hasAccess: true, accessRole: null, expiresIn: undefined }),
      })
      const [result] = await askNulls([queryFor('plan')])
      assert.deepEqual([result.hasAccess, 'accessRole' in result], [true, false])
    })

    test('when all queries hang, the response comes at the time limit', async (t) => {
      const { ask, asked, errors } = await start(t, framework, {
        timeout: 200,
        maxConcurrency: 2,
        authorize: () => never,
      })
      const results = await ask(['1', '2', '3', '4', '5'].map(queryFor))
      assert.ok(results.every(({ hasAccess }) => !hasAccess))
      assert.equal(asked.length, 2)
      assert.equal(errors.length, 5)
      for (const [error] of errors) assert.equal(error.code, 'ERR_VELT_TIMEOUT')
    })

    test('malformed JSON, another envelope and too many queries are a 4xx', async (t) => {
      const { post, asked, errors } = await start(t, framework)
      const cases = ['', '{"data":{"requests":[', 'null', '[]', '"text"', '7', '{}']
      const wrong = [{ data: null }, { data: [] }, { data: {} }, { requests: [] }]
      const more = [{ data: { requests: {} } }, { data: { requests: 'all' } }]
      for (const body of [...cases, ...[...wrong, ...more].map((json) => JSON.stringify(json))]) {
        const response = await post(body)
        if (framework.parses) assert.equal(response.status, 400, body)
        else await assertProblem(response, 400, 'invalid_request', /^The body must be /)
      }
      const many = envelope(Array.from({ length: 1001 }, () => queryFor('x')))
      await assertProblem(await post(many), 413, 'request_too_large', /1000/)
      assert.deepEqual([asked, errors], [[], []])
      assert.equal((await post(envelope([]))).status, 200)
    })

    test('a huge body is a 413, with and without Content-Length', async (t) => {
      const { post, asked, errors } = await start(t, framework)
      const huge = envelope([queryFor('x'.repeat(2 ** 21))])
      const streamed = () => new Blob([huge]).stream()
      for (const body of [huge, streamed()]) {
        const response = await post(body, { duplex: 'half' })
        const isOurs = response.headers.get('content-type')?.startsWith('application/json')
        if (isOurs) await assertProblem(response, 413, 'request_too_large', /1048576 bytes/)
        else assert.equal(response.status, 413)
      }
      assert.deepEqual([asked, errors], [[], []])
      assert.equal((await post(envelope([queryFor('plan')]))).status, 200)
    })

    test('other methods are a 405', async (t) => {
      const { endpoint, asked } = await start(t, framework)
      for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
        const response = await fetch(endpoint, { method, headers: BEARER })
        assert.equal(response.headers.get('allow'), 'POST')
        await assertProblem(response, 405, 'method_not_allowed', /^Use POST\.$/)
      }
      assert.deepEqual(asked, [])
    })

    test('a request that Velt aborts starts no further queries, and is not an error', async (t) => {
      let finish
      const first = new Promise((resolve) => {
        finish = resolve
      })
      const { ask, asked, errors, endpoint, sockets } = await start(t, framework, {
        maxConcurrency: 1,
        authorize: ({ resource }) => (resource.id === 'first' ? first : true),
      })
      const headers = { 'content-type': 'application/json', ...BEARER }
      const velt = httpRequest(endpoint, { method: 'POST', headers })
      velt.on('error', () => {})
      velt.end(envelope(['first', 'second', 'third'].map(queryFor)))
      await until(() => asked.length === 1)
      velt.destroy()
      await until(() => sockets.size === 0)
      finish(Promise.reject(BUG))
      assert.equal((await ask([queryFor('plan')]))[0].hasAccess, true)
      assert.deepEqual(
        asked.map(([{ resource }]) => resource.id),
        ['first', 'plan'],
      )
      assert.deepEqual(errors, [])
    })

    test('a request that is aborted within its body asks nothing', async (t) => {
      const { ask, asked, errors, endpoint, sockets } = await start(t, framework)
      const headers = { 'content-type': 'application/json', ...BEARER, 'content-length': '1000' }
      const velt = httpRequest(endpoint, { method: 'POST', headers })
      velt.on('error', () => {})
      velt.write('{"data":{"requests":[')
      await until(() => sockets.size === 1)
      const [socket] = sockets
      await until(() => socket.bytesRead > 0)
      velt.destroy()
      await until(() => sockets.size === 0)
      assert.equal((await ask([queryFor('plan')]))[0].hasAccess, true)
      assert.equal(asked.length, 1)
      assert.deepEqual(errors, [])
    })

    if (!framework.parses && !name.includes('with express.')) {
      test('a body that does not arrive in time is a 408', async (t) => {
        const { asked, errors, endpoint } = await start(t, framework, { timeout: 200 })
        const headers = { ...BEARER, 'content-length': '1000' }
        const velt = httpRequest(endpoint, { method: 'POST', headers })
        velt.on('error', () => {})
        velt.write('{"data":')
        const [response] = await once(velt, 'response')
        assert.equal(response.statusCode, 408)
        velt.destroy()
        assert.deepEqual([asked, errors], [[], []])
      })
    }

    test('the development mode of Velt works for listed origins, without a token', async (t) => {
      const { endpoint, asked } = await start(t, framework, {
        token: undefined,
        allowUnauthenticated: true,
        cors: { origins: ['http://localhost:5173'] },
      })
      const preflight = (origin) =>
        fetch(endpoint, {
          method: 'OPTIONS',
          headers: {
            origin,
            'access-control-request-method': 'POST',
            'access-control-request-headers': 'content-type',
          },
        })
      const allowed = await preflight('http://localhost:5173')
      assert.equal(allowed.status, 204)
      const { headers } = allowed
      assert.equal(headers.get('access-control-allow-origin'), 'http://localhost:5173')
      assert.match(headers.get('access-control-allow-methods'), /POST/)
      assert.match(headers.get('access-control-allow-headers'), /content-type/)
      const refused = await preflight('http://evil.example')
      assert.equal(refused.status, 405)
      assert.equal(refused.headers.get('access-control-allow-origin'), null)

      const query = (origin) =>
        fetch(endpoint, {
          method: 'POST',
          headers: { origin, 'content-type': 'application/json' },
          body: envelope([queryFor('plan')]),
        })
      const answer = await query('http://localhost:5173')
      assert.equal(answer.headers.get('access-control-allow-origin'), 'http://localhost:5173')
      assert.equal((await answer.json()).data[0].hasAccess, true)
      const other = await query('http://evil.example')
      assert.equal(other.headers.get('access-control-allow-origin'), null)
      assert.equal(asked.length, 2)
    })
  })
}
