// TLS with real certificates: the client sends credentials only to a server that it trusts.

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { createServer } from 'node:tls'
import { VeltAuthClient } from 'velt-auth'
import { createAuthority, createSelfSigned } from './support/certificates.mjs'
import { emulate } from './support/emulator.mjs'
import { temporaryFolder, tokenInNewProcess } from './support/processes.mjs'
import { listen } from './support/servers.mjs'

const authority = await createAuthority()
const tls = await authority.issue()

async function refusal(options) {
  const client = new VeltAuthClient({ deadline: 3000, ...options })
  return await client.generateToken('ada').then(
    () => assert.fail('the call resolved'),
    (error) => error,
  )
}

const DISTRUST = { code: 'ERR_VELT_NETWORK', retryable: false, attempts: 1 }

function assertDistrust(error, cause) {
  const { code, retryable, attempts } = error
  assert.deepEqual({ code, retryable, attempts }, DISTRUST)
  assert.match(error.cause.message, cause)
}

test('`ca` accepts a string, a Buffer or an array, and these certificates are trusted', async (t) => {
  const { emulator, options } = await emulate(t, { tls })
  const other = await createAuthority('another CA')
  for (const ca of [authority.pem, Buffer.from(authority.pem), [other.pem, authority.pem]]) {
    const { token } = await new VeltAuthClient({ ...options, ca }).generateToken('ada')
    assert.equal(emulator.verify(token).userId, 'ada')
  }
})

test('a certificate of an unknown issuer is rejected before a request is sent', async (t) => {
  const { emulator, options } = await emulate(t, { tls })
  const error = await refusal(options)
  assertDistrust(error, /UnknownIssuer/)
  assert.match(error.message, /`ca` or in NODE_EXTRA_CA_CERTS/)
  assert.equal(emulator.requests.length, 0)
})

test('a self-signed certificate is rejected, and accepted if it is in `ca`', async (t) => {
  const own = await createSelfSigned()
  const { emulator, options } = await emulate(t, { tls: own })
  assertDistrust(await refusal(options), /UnknownIssuer|CaUsedAsEndEntity/)
  const { token } = await new VeltAuthClient({ ...options, ca: own.cert }).generateToken('ada')
  assert.equal(emulator.verify(token).userId, 'ada')
})

test('`ca` replaces the built-in roots', async (t) => {
  const { options } = await emulate(t, { tls })
  const { pem: ca } = await createAuthority('another CA')
  assertDistrust(await refusal({ ...options, ca }), /UnknownIssuer|BadSignature/)
})

test('an expired certificate is rejected', async (t) => {
  const expired = await authority.issue({ notAfter: new Date(Date.now() - 60_000) })
  const { options } = await emulate(t, { tls: expired })
  assertDistrust(await refusal({ ...options, ca: authority.pem }), /[Ee]xpired/)
})

test('a certificate of another host is rejected', async (t) => {
  const elsewhere = await authority.issue({ hosts: ['api.velt.example'] })
  const { options } = await emulate(t, { tls: elsewhere })
  assertDistrust(
    await refusal({ ...options, ca: authority.pem }),
    /not valid for name|NotValidForName/,
  )
})

test('a server that supports only TLS 1.1 or older is rejected', async (t) => {
  const old = { ...tls, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }
  const server = createServer(old)
  server.on('tlsClientError', () => {})
  const { port } = await listen(t, server, '')
  const options = { apiKey: 'key', authToken: 'auth', baseUrl: `https://localhost:${port}` }
  assertDistrust(
    await refusal({ ...options, ca: authority.pem }),
    /ProtocolVersion|TlsVersion|peer is incompatible/,
  )
})

test('a server that requires a client certificate is rejected, and the message says why', async (t) => {
  const demanding = { ...tls, ca: authority.pem, requestCert: true, rejectUnauthorized: true }
  const { options } = await emulate(t, { tls: demanding })
  const error = await refusal({ ...options, ca: authority.pem })
  assertDistrust(error, /CertificateRequired/)
  assert.match(error.message, /Client certificates are not supported/)
})

test('a connection reset during the handshake is a transient ERR_VELT_NETWORK', async (t) => {
  const server = createServer(tls)
  server.on('connection', (socket) => socket.resetAndDestroy())
  const { port } = await listen(t, server, '')
  const options = { apiKey: 'key', authToken: 'auth', baseUrl: `https://localhost:${port}` }
  const error = await refusal({ ...options, ca: authority.pem })
  assert.equal(error.code, 'ERR_VELT_NETWORK')
  assert.equal(error.retryable, true)
  assert.equal(error.attempts, 3)
})

test('the file in NODE_EXTRA_CA_CERTS is trusted', async (t) => {
  const { emulator, options } = await emulate(t, { tls })
  const file = `${await temporaryFolder(t)}/extra-ca.pem`
  await writeFile(
    file,
    `${authority.pem}\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
  )
  const { token } = await tokenInNewProcess(options, { NODE_EXTRA_CA_CERTS: file })
  assert.equal(emulator.verify(token).userId, 'ada')

  const without = await tokenInNewProcess(options, { NODE_EXTRA_CA_CERTS: `${file}.missing` })
  assert.equal(without.code, 'ERR_VELT_NETWORK')
})

test('the client needs no CA file of the system', async (t) => {
  const { emulator, options } = await emulate(t, { tls })
  const nowhere = { SSL_CERT_FILE: '/nonexistent', SSL_CERT_DIR: '/nonexistent' }
  const { token } = await tokenInNewProcess({ ...options, ca: authority.pem }, nowhere)
  assert.equal(emulator.verify(token).userId, 'ada')
  const untrusted = await tokenInNewProcess(options, nowhere)
  assert.equal(untrusted.code, 'ERR_VELT_NETWORK', 'the built-in roots do not trust it')
})

test('a `ca` without a certificate throws when the client is created', () => {
  for (const ca of [
    '',
    'nonsense',
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
  ]) {
    assert.throws(() => new VeltAuthClient({ apiKey: 'k', authToken: 'a', ca }), {
      code: 'ERR_VELT_CONFIG',
      message: /ca must hold PEM certificates/,
    })
  }
})

test('a new connection resumes the TLS session of an earlier one', async (t) => {
  const resumed = []
  const body = JSON.stringify({ result: { data: { token: 'eyJ-a-token' } } })
  const response = `HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n`
  const server = createServer(tls, (socket) => {
    resumed.push(socket.isSessionReused())
    socket.on('error', () => {})
    socket.once('data', () => socket.end(response + body))
  })
  const { url } = await listen(t, server, 'https://localhost')
  const client = new VeltAuthClient({
    apiKey: 'key',
    authToken: 'token',
    baseUrl: url,
    ca: authority.pem,
  })
  for (let call = 0; call < 3; call += 1) await client.generateToken('ada')
  assert.deepEqual(resumed, [false, true, true])
})
