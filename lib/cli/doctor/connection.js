// Connections with the modules of Node.js: they also work without the addon, and each step is timed.

'use strict'

const { lookup } = require('node:dns/promises')
const { once } = require('node:events')
const http = require('node:http')
const net = require('node:net')
const { performance } = require('node:perf_hooks')
const tls = require('node:tls')

/**
 * @typedef {{ host: string, port: number, secure: boolean }} Address
 * @typedef {Address & { path: string, ca: string[],
 *   proxy: (Address & { authorization: string | undefined }) | undefined }} Route
 * @typedef {'dns' | 'tcp' | 'proxy' | 'tls'} Step
 */

/**
 * How far a connection came. `milliseconds` has the steps that succeeded.
 *
 * @typedef {object} Attempt
 * @property {Partial<Record<Step, number>>} milliseconds
 * @property {string[]} addresses
 * @property {net.Socket | tls.TLSSocket} [socket]
 * @property {{ step: Step, error: ConnectionError }} [failure]
 */

/** How long each step may take. */
const TIMEOUT = 5000

const MAX_BODY = 1_000_000

/** A step failed. `code` is the one of Node.js, `'TIMEOUT'`, `'CA_AS_SERVER'`, or an HTTP status of the proxy. */
class ConnectionError extends Error {
  /** @param {string} code @param {string} [message] */
  constructor(code, message) {
    super(message ?? code)
    this.code = code
  }
}

/** Connects to a server, through the proxy if there is one. Never rejects. @param {Route} route @returns {Promise<Attempt>} */
async function connect({ host, port, secure, ca, proxy }) {
  const first = proxy ?? { host, port, secure }
  /** @type {Attempt} */
  const attempt = { milliseconds: {}, addresses: [] }
  /** @type {[Step, boolean, () => Promise<void>][]} */
  const steps = [
    [
      'dns',
      true,
      async () => {
        const found = await lookup(first.host, { all: true })
        attempt.addresses = found.map(({ address }) => address)
      },
    ],
    [
      'tcp',
      true,
      async () => {
        attempt.socket = net.connect(first.port, first.host)
        await once(attempt.socket, 'connect')
      },
    ],
    [
      'proxy',
      proxy !== undefined,
      async () => {
        if (first.secure) attempt.socket = await startTls(attempt.socket, first.host, ca)
        await openTunnel(attempt.socket, `${host}:${port}`, proxy?.authorization)
      },
    ],
    [
      'tls',
      secure,
      async () => {
        attempt.socket = await startTls(attempt.socket, host, ca)
      },
    ],
  ]
  for (const [step, needed, run] of steps) {
    if (!needed) continue
    const start = performance.now()
    try {
      await inTime(run())
      attempt.milliseconds[step] = performance.now() - start
    } catch (error) {
      attempt.socket?.destroy()
      return { ...attempt, socket: undefined, failure: { step, error: toConnectionError(error) } }
    }
  }
  // The connection may be reset after the last step. The next read or write then reports it.
  attempt.socket?.on('error', () => {})
  return attempt
}

/** @param {any} error */
function toConnectionError(error) {
  if (error instanceof ConnectionError) return error
  // All addresses of a host failed.
  const { code, message } = error instanceof AggregateError ? error.errors[0] : error
  return new ConnectionError(code ?? 'UNKNOWN', message)
}

/** @template T @param {Promise<T>} promise @param {number} [ms] @returns {Promise<T>} */
async function inTime(promise, ms = TIMEOUT) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new ConnectionError('TIMEOUT', `no response in ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([promise, /** @type {Promise<never>} */ (timeout)])
  } finally {
    clearTimeout(timer)
    promise.catch(() => {}) // it may fail after the timeout
  }
}

/**
 * Verifies the certificate as the addon does: TLS 1.2 or newer, and the certificate of a CA is no
 * server certificate.
 *
 * @param {net.Socket | undefined} socket
 * @param {string} host
 * @param {string[]} ca
 */
async function startTls(socket, host, ca) {
  const secured = tls.connect({
    socket,
    servername: net.isIP(host) ? undefined : host,
    host,
    ca,
    minVersion: 'TLSv1.2',
    // The certificate is needed for the message. Nothing is sent before the check below.
    rejectUnauthorized: false,
  })
  await once(secured, 'secureConnect')
  const certificate = secured.getPeerX509Certificate()
  const described = certificate ? describe(certificate) : 'no certificate'
  if (!secured.authorized) {
    secured.destroy()
    const code = String(secured.authorizationError)
    throw new ConnectionError(/^[A-Z_]+$/.test(code) ? code : 'CERTIFICATE', described)
  }
  if (certificate?.ca) {
    secured.destroy()
    throw new ConnectionError('CA_AS_SERVER', described)
  }
  return secured
}

/** @param {import('node:crypto').X509Certificate} certificate */
function describe({ subject, issuer, subjectAltName, validTo }) {
  const line = (/** @type {string | undefined} */ name) => (name ?? '').replaceAll('\n', ', ')
  return (
    `certificate for ${subjectAltName ?? line(subject)}, issued by ${line(issuer)}, ` +
    `valid until ${validTo}`
  )
}

/**
 * `once` reports the first error. A request can emit another one later, such as for a connection that is
 * reset; without a listener, it would end the process.
 */
function ignore() {}

/**
 * @param {net.Socket | undefined} socket
 * @param {string} target
 * @param {string | undefined} authorization
 */
async function openTunnel(socket, target, authorization) {
  const headers = { host: target, ...(authorization && { 'proxy-authorization': authorization }) }
  // With createConnection and no agent, Node.js uses this socket.
  const request = http.request({
    method: 'CONNECT',
    path: target,
    headers,
    createConnection: () => /** @type {net.Socket} */ (socket),
  })
  request.on('error', ignore).end()
  const [{ statusCode }] = await once(request, 'connect')
  if (statusCode !== 200) throw new ConnectionError(String(statusCode))
}

/**
 * Sends JSON to a server, and reads its response.
 *
 * @param {Route} route
 * @param {string} path
 * @param {Record<string, string | undefined>} headers
 * @param {unknown} body
 * @throws {ConnectionError} if there is no complete response.
 */
async function postJson(route, path, headers, body) {
  const { socket, failure } = await connect(route)
  if (failure) throw failure.error
  try {
    return await inTime(exchange(route, socket, path, headers, JSON.stringify(body)))
  } catch (error) {
    throw toConnectionError(error)
  } finally {
    socket?.destroy()
  }
}

/**
 * @param {Route} route
 * @param {net.Socket | undefined} socket
 * @param {string} path
 * @param {Record<string, string | undefined>} headers
 * @param {string} body
 */
async function exchange({ host, port, secure, path: prefix }, socket, path, headers, body) {
  const start = performance.now()
  const name = net.isIPv6(host) ? `[${host}]` : host
  const request = http.request({
    method: 'POST',
    path: prefix + path,
    createConnection: () => /** @type {net.Socket} */ (socket),
    headers: Object.fromEntries(
      Object.entries({
        host: port === (secure ? 443 : 80) ? name : `${name}:${port}`,
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(body)),
        ...headers,
      }).filter(([, value]) => value !== undefined),
    ),
  })
  request.on('error', ignore).end(body)
  const [response] = /** @type {[http.IncomingMessage]} */ (await once(request, 'response'))
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk
    if (text.length > MAX_BODY) throw new ConnectionError('TOO_LARGE', 'the response is too large')
  }
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    json: parse(text),
    milliseconds: performance.now() - start,
  }
}

/** @param {string} text @returns {any} */
function parse(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

exports.ConnectionError = ConnectionError
exports.connect = connect
exports.inTime = inTime
exports.postJson = postJson
exports.startTls = startTls
