// The emulator over TLS, with a certificate that is made anew for each run.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import https from 'node:https'
import { describe, test } from 'node:test'
import { connect } from 'node:tls'
import { createSelfSigned } from '../support/certificates.mjs'
import { assertCut, bareSocket, CUTS, HEADERS, over, start, TIMEOUT, V2 } from './support.mjs'

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

  test('answers over https, at localhost', async (t) => {
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

  test('takes the options of TLS', async (t) => {
    const emulator = await start(t, { tls: { ...tls, minVersion: 'TLSv1.3' } })
    const [error] = await once(secure(emulator, { maxVersion: 'TLSv1.2' }), 'error')
    assert.match(error.code, /PROTOCOL_VERSION/)
    const socket = secure(emulator)
    await once(socket, 'secureConnect')
    assert.equal(socket.getProtocol(), 'TLSv1.3')
    socket.destroy()
  })

  test('resets and truncates below TLS', async (t) => {
    const emulator = await start(t, { tls })
    for (const cut of CUTS) await assertCut(emulator, cut, secure(emulator))
  })

  test('close() cuts a handshake under way, and a client may reset one', async (t) => {
    const emulator = await start(t, { tls })
    const rude = bareSocket(emulator)
    await once(rude, 'connect')
    rude.resetAndDestroy()
    const mute = bareSocket(emulator)
    const cut = over(mute)
    const done = secure(emulator)
    await once(done, 'secureConnect') // accepted after `mute`, so that one is in handshake by now
    const doneCut = over(done)
    await emulator.close()
    await Promise.all([cut, doneCut])
    assert.equal(emulator.connections, 3)
  })
})
