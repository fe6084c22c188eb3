// The options of the permission provider's endpoint. They are checked when the handler is made.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import { test } from 'node:test'
import { startEmulator } from 'velt-auth/emulator'
import * as express from 'velt-auth/express'
import * as fastify from 'velt-auth/fastify'
import * as web from 'velt-auth/fetch'
import * as koa from 'velt-auth/koa'
import * as node from 'velt-auth/node'

const token = 'bearer-3f5a'
const authorize = () => true

test('a wrong or missing option throws ERR_VELT_CONFIG in every adapter', () => {
  const cases = [
    [undefined, /pass one object: veltPermissionHandler\(\{ authorize, token \}\)/],
    [authorize, /pass one object/],
    [{ token }, /authorize is missing/],
    [{ token, authorize: true }, /options\.authorize must be a function/],
    [{ authorize }, /token is missing: .* allowUnauthenticated: true/],
    [{ authorize, token: undefined, allowUnauthenticated: false }, /token is missing/],
    [{ authorize, token: null }, /token is missing/],
    [{ authorize, token: '' }, /options\.token must be a token of visible ASCII/],
    [{ authorize, token: `${token}\n` }, /without spaces and line breaks/],
    [{ authorize, token: 'schlüssel' }, /visible ASCII/],
    [{ authorize, token: 7 }, /options\.token must be a string/],
    [{ authorize, token: [] }, /options\.token is an empty list/],
    [{ authorize, token: [token, ''] }, /options\.token\[1\] must be/],
    [{ authorize, token: [token, undefined] }, /options\.token\[1\] must be a string/],
    [{ authorize, token, allowUnauthenticated: true }, /either token or allowUnauthenticated/],
    [{ authorize, allowUnauthenticated: 'true' }, /must be true or false/],
    [{ authorize, token, timeout: 0 }, /options\.timeout must be a whole number of milliseconds/],
    [{ authorize, token, maxConcurrency: 0 }, /options\.maxConcurrency must be/],
    [{ authorize, token, cors: { origins: [] } }, /options\.cors\.origins is empty/],
    [{ authorize, token, onError: 'log' }, /options\.onError must be a function/],
    [{ authorize, token, client: {} }, /options cannot have 'client'/],
  ]
  for (const { veltPermissionHandler } of [express, fastify, web, koa, node]) {
    for (const [options, message] of cases) {
      assert.throws(() => veltPermissionHandler(options), { code: 'ERR_VELT_CONFIG', message })
    }
  }
})

/** Starts an endpoint with `node:http`, and an emulator that asks it. */
async function ask(t, options, query) {
  const emulator = await startEmulator()
  const server = createServer(node.veltPermissionHandler({ token, ...options }))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => Promise.all([emulator.close(), server.close()]))
  const url = `http://127.0.0.1:${server.address().port}`
  return emulator.askPermission(url, [query], { token })
}

const query = {
  userId: 'ada',
  resource: { id: 'plan', type: 'document', source: 'setDocuments', organizationId: 'acme' },
}

test('without onError, errors go to console.error', async (t) => {
  const logged = t.mock.method(console, 'error', () => {})
  const bug = new Error('the database is down')
  const [result] = await ask(t, { authorize: () => Promise.reject(bug) }, query)
  assert.equal(result.hasAccess, false)
  assert.deepEqual(
    logged.mock.calls.map(({ arguments: args }) => args),
    [[bug]],
  )
})

test('an onError that fails does not change the answer, and both errors are logged', async (t) => {
  const logged = t.mock.method(console, 'error', () => {})
  const bug = new Error('the database is down')
  const second = new Error('the log is full')
  for (const onError of [
    () => Promise.reject(second),
    () => {
      throw second
    },
  ]) {
    logged.mock.resetCalls()
    const [result] = await ask(t, { authorize: () => Promise.reject(bug), onError }, query)
    assert.equal(result.hasAccess, false)
    assert.deepEqual(
      logged.mock.calls.map(({ arguments: [error] }) => error),
      [bug, second],
    )
  }
})

test('a body that another middleware has read and dropped is a 500, and onError says why', async () => {
  const errors = []
  const options = { token, authorize, onError: (...args) => errors.push(args) }
  const request = () =>
    new Request('http://localhost/', {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ data: { requests: [query] } }),
    })
  const handle = web.veltPermissionHandler(options)
  assert.equal((await handle(request())).status, 200)

  const used = request()
  await used.text()
  const response = await handle(used)
  assert.equal(response.status, 500)
  assert.equal((await response.json()).error.code, 'server_error')
  assert.equal(errors.length, 1)
  assert.match(errors[0][0].message, /Another middleware has read the body/)
})

test('a request that was aborted before the handler runs is answered at once', async (t) => {
  const errors = []
  const handle = node.veltPermissionHandler({
    token,
    authorize,
    timeout: 2 ** 31 - 1,
    onError: (error) => errors.push(error),
  })
  let handled
  const server = createServer((req, res) => {
    handled = once(res, 'close').then(() => handle(req, res))
    velt.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const headers = { authorization: `Bearer ${token}`, 'content-length': '1000' }
  const { port } = server.address()
  const velt = httpRequest({ port, host: '127.0.0.1', method: 'POST', headers })
  velt.write('{')
  await once(velt, 'error')
  await handled
  assert.deepEqual(errors, [])
})
