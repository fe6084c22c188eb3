// The emulator over TLS, with a certificate that each run creates.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import https from 'node:https'
import { describe, test } from 'node:test'
import { connect } from 'node:tls'
import { createSelfSigned } from '../support/certificates.mjs'
import { assertCut, CUTS, HEADERS, rawSocket, start, TIMEOUT, V2, waitForEnd } from './support.mjs'

const tls = await createSelfSigned()

describe('TLS', TIMEOUT, () => {
  const secure = (emulator, options) =>
    connect({
      port: new URL(emulator.url).port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca: tls.cert,
      allowHalfOpen: true,
      ...options,
    })

  test('serves https at localhost', async (t) => {
    const emulator = await start(t, { tls })
    assert.match(emulator.url, /^https:\/\/localhost:\d+$/)
    const request = https.request(emulator.url + V2, {
      method: 'POST',
      ca: tls.cert,
      agent: false,
      headers: { ...HEADERS, 'content-type': 'application/json' },
    })
    request.end('{"data":{"userId":"ada","userProperties":{},"permissions":{"resources":[]}}}')
    const [response] = await once(request, 'response')
    let text = ''
    for await (const chunk of response) text += chunk
    assert.equal(emulator.verify(JSON.parse(text).result.data.token).userId, 'ada')
    assert.equal(emulator.requests[0].status, 200)
  })

  test('applies the TLS options, such as minVersion', async (t) => {
    const emulator = await start(t, { tls: { ...tls, minVersion: 'TLSv1.3' } })
    const [error] = await once(secure(emulator, { maxVersion: 'TLSv1.2' }), 'error')
    assert.match(error.code, /PROTOCOL_VERSION/)
    const socket = secure(emulator)
    await once(socket, 'secureConnect')
    assert.equal(socket.getProtocol(), 'TLSv1.3')
    socket.destroy()
  })

  test('resets and truncation happen on the TCP connection, below TLS', async (t) => {
    const emulator = await start(t, { tls })
    for (const cut of CUTS) await assertCut(emulator, cut, secure(emulator))
  })

  test('close() closes a connection during its handshake, and a client reset is no error', async (t) => {
    const emulator = await start(t, { tls })
    const resetting = rawSocket(emulator)
    await once(resetting, 'connect')
    resetting.resetAndDestroy()
    const silent = rawSocket(emulator)
    const silentEnd = waitForEnd(silent)
    const connected = secure(emulator)
    await once(connected, 'secureConnect') // accepted after `silent`, so `silent` is in its handshake
    const connectedEnd = waitForEnd(connected)
    await emulator.close()
    await Promise.all([silentEnd, connectedEnd])
    assert.equal(emulator.connections, 3)
  })
})
