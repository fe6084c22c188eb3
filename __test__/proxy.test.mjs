// Requests through real HTTP and HTTPS proxies.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VeltAuthClient } from 'velt-auth'
import { createAuthority } from './support/certificates.mjs'
import { emulate } from './support/emulator.mjs'
import { tokenInNewProcess } from './support/processes.mjs'
import { startProxy } from './support/servers.mjs'

// A host name that only the proxy can resolve: a request that arrives came through the proxy.
const HOST = 'api.velt.test'
const authority = await createAuthority()

async function behindProxy(t, proxyOptions) {
  const tls = await authority.issue({ hosts: [HOST, 'localhost'] })
  const { emulator, options } = await emulate(t, { tls })
  const target = Number(new URL(emulator.url).port)
  const proxy = await startProxy(t, { target, ...proxyOptions })
  const baseUrl = `https://${HOST}:${target}`
  return { emulator, proxy, options: { ...options, baseUrl, ca: authority.pem, deadline: 3000 } }
}

test('a request goes through an HTTP proxy, by CONNECT', async (t) => {
  const { emulator, proxy, options } = await behindProxy(t)
  const client = new VeltAuthClient({ ...options, proxy: proxy.url })
  const { token } = await client.generateToken('ada')
  assert.equal(emulator.verify(token).userId, 'ada')
  assert.deepEqual(proxy.connects, [
    { host: new URL(options.baseUrl).host, authorization: undefined },
  ])
})

test('an HTTPS proxy receives the password, and a wrong password is not in the error', async (t) => {
  const credentials = 'user:p@ss word'
  const tls = await authority.issue()
  const { emulator, proxy, options } = await behindProxy(t, { credentials, tls })
  const url = proxy.url.replace('://', `://user:${encodeURIComponent('p@ss word')}@`)
  const { token } = await new VeltAuthClient({ ...options, proxy: url }).generateToken('ada')
  assert.equal(emulator.verify(token).userId, 'ada')

  const wrong = proxy.url.replace('://', '://user:wrong-password@')
  const error = await new VeltAuthClient({ ...options, proxy: wrong })
    .generateToken('ada')
    .catch((reason) => reason)
  assert.equal(error.code, 'ERR_VELT_NETWORK')
  assert.match(error.cause.message, /proxy authorization required/)
  assert.ok(!`${error.stack}${error.cause.stack}`.includes('wrong-password'))
})

test('HTTPS_PROXY and https_proxy are used, except for hosts in NO_PROXY', async (t) => {
  const { emulator, proxy, options } = await behindProxy(t)
  const through = await tokenInNewProcess(options, { HTTPS_PROXY: proxy.url })
  assert.equal(emulator.verify(through.token).userId, 'ada')
  assert.equal(proxy.connects.length, 1)

  const lower = await tokenInNewProcess(options, {
    https_proxy: proxy.url,
    HTTPS_PROXY: 'http://127.0.0.1:1',
  })
  assert.equal(emulator.verify(lower.token).userId, 'ada')
  assert.equal(proxy.connects.length, 2)

  const around = { ...options, baseUrl: options.baseUrl.replace(HOST, 'localhost') }
  const direct = await tokenInNewProcess(around, {
    HTTPS_PROXY: 'http://127.0.0.1:1',
    NO_PROXY: 'example.com,localhost',
  })
  assert.equal(emulator.verify(direct.token).userId, 'ada')
  assert.equal(proxy.connects.length, 2)
})

test('HTTPS_PROXY is not used for an http server on loopback', async (t) => {
  const { emulator, options } = await emulate(t)
  const { token } = await tokenInNewProcess(options, { HTTPS_PROXY: 'http://127.0.0.1:1' })
  assert.equal(emulator.verify(token).userId, 'ada')
})

test('an invalid proxy URL is rejected, and the message does not repeat it', () => {
  for (const proxy of ['not a url', 'socks5://user:hunter2@127.0.0.1', 'ftp://hunter2']) {
    assert.throws(
      () => new VeltAuthClient({ apiKey: 'k', authToken: 'a', proxy }),
      (error) => error.code === 'ERR_VELT_CONFIG' && !error.message.includes('hunter2'),
    )
  }
})

test('the `proxy` option is rejected for an http server', () => {
  const options = { apiKey: 'k', authToken: 'a', baseUrl: 'http://127.0.0.1:1' }
  assert.throws(() => new VeltAuthClient({ ...options, proxy: 'http://127.0.0.1:2' }), {
    code: 'ERR_VELT_CONFIG',
    message: /proxy could read the auth token/,
  })
})
