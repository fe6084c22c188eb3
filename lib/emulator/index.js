// @ts-check

// An emulator of Velt's token API. It imports nothing from the rest of lib: it must not share the
// bugs of the code that it tests.

'use strict'

const { randomBytes } = require('node:crypto')
const { once } = require('node:events')
const http = require('node:http')
const https = require('node:https')
const { inspect } = require('node:util')
const { respond } = require('./api.js')
const { FaultQueue, sendResponse } = require('./faults.js')
const { sign, verify } = require('./jwt.js')

/**
 * @typedef {import('./index.js').Emulator} Emulator
 * @typedef {import('./index.js').EmulatorOptions} EmulatorOptions
 * @typedef {import('./index.js').RecordedRequest} RecordedRequest
 * @typedef {import('node:http').IncomingMessage} IncomingMessage
 * @typedef {import('node:http').ServerResponse} ServerResponse
 * @typedef {import('node:net').Socket} Socket
 */

const KNOWN_OPTIONS = ['port', 'host', 'apiKey', 'authToken', 'tls', 'tokenLifetime', 'now']
const HOURS = 60 * 60 * 1000

/** @param {EmulatorOptions} [options] @returns {Promise<Emulator>} */
async function startEmulator(options = {}) {
  checkOptions(options)
  const { port = 0, host = '127.0.0.1', apiKey = 'emulator-api-key', tls } = options
  const { tokenLifetime = 48 * HOURS, now = Date.now } = options
  let { authToken = 'emulator-auth-token' } = options
  const secret = randomBytes(32)
  const faults = new FaultQueue()
  /** @type {RecordedRequest[]} */
  const requests = []
  /** The open TCP sockets, by `peerOf`. With TLS, `req.socket` is not the TCP socket. @type {Map<string, Socket>} */
  const sockets = new Map()
  let connections = 0

  const server = tls ? https.createServer(tls) : http.createServer()
  server.keepAliveTimeout = 0 // Node's default closes idle connections after 5 s
  server.on('connection', (/** @type {Socket} */ socket) => {
    const peer = peerOf(socket)
    connections++
    sockets.set(peer, socket)
    socket.once('close', () => sockets.delete(peer))
  })
  server.on('request', async (req, res) => {
    const socket = sockets.get(peerOf(req.socket))
    // The client has already closed the connection.
    if (!socket) return
    const request = await record(req, res)
    if (!request) return
    requests.push(request)
    const veltResponse = () =>
      respond(request, { apiKey, authToken }, (claims) =>
        sign(claims, secret, now(), tokenLifetime),
      )
    await sendResponse(faults.take(request) ?? {}, veltResponse, request, res, socket)
  })
  server.listen(port, host)
  await once(server, 'listening')
  const address = /** @type {import('node:net').AddressInfo} */ (server.address())

  /** @returns {Promise<void>} */
  const close = () =>
    new Promise((resolve) => {
      server.close(() => resolve()) // also calls back if the server is already closed
      for (const socket of sockets.values()) socket.destroy()
    })

  const url = urlOf(host, address.port, tls !== undefined)
  /** @type {Emulator & { [inspect.custom]: () => object }} */
  const emulator = {
    url,
    apiKey,
    get authToken() {
      return authToken
    },
    requests,
    get connections() {
      return connections
    },
    rotateAuthToken(next) {
      checkCredential('authToken', next)
      authToken = next
    },
    fault: (fault) => faults.add(fault),
    reset() {
      faults.clear()
      requests.length = 0
    },
    verify: (token) => verify(token, secret, now()),
    close,
    [Symbol.asyncDispose]: close,
    // Without this, `console.log(emulator)` prints `authToken: [Getter]`.
    [inspect.custom]: () => ({ url, apiKey, authToken, connections, requests }),
  }
  return emulator
}

/**
 * Reads a request to its end. The result is `undefined` if the client closes the connection before
 * the end.
 *
 * @param {IncomingMessage} req
 * @param {ServerResponse} res
 * @returns {Promise<RecordedRequest | undefined>}
 */
async function record(req, res) {
  /** @type {RecordedRequest['closed']} */
  const closed = new Promise((resolve) => {
    res.once('close', () => resolve(res.writableFinished ? 'answered' : 'aborted'))
  })
  let rawBody = ''
  try {
    for await (const chunk of req.setEncoding('utf8')) rawBody += chunk
  } catch {
    return undefined
  }
  return {
    method: req.method ?? '',
    path: req.url ?? '',
    headers: req.headers,
    rawBody,
    body: parseJson(rawBody),
    receivedAt: Date.now(),
    status: undefined,
    closed,
  }
}

/** @param {string} text @returns {unknown} */
function parseJson(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The address of the client, which is unique for each connection. @param {Socket} socket */
function peerOf(socket) {
  return `${socket.remoteAddress} ${socket.remotePort}`
}

/** @param {string} host @param {number} port @param {boolean} secure */
function urlOf(host, port, secure) {
  // A server that listens on all addresses can be reached on loopback.
  if (host === '0.0.0.0') return urlOf('127.0.0.1', port, secure)
  if (host === '::') return urlOf('::1', port, secure)
  const loopback = host === '::1' || host.startsWith('127.')
  if (secure) return `https://${loopback ? 'localhost' : host}:${port}` // certificates name `localhost`
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** @param {EmulatorOptions} options */
function checkOptions(options) {
  for (const name of Object.keys(options)) {
    if (!KNOWN_OPTIONS.includes(name)) {
      throw new TypeError(`Unknown option: ${name} (known: ${KNOWN_OPTIONS.join(', ')})`)
    }
  }
  const { port, host, apiKey, authToken, tokenLifetime, now } = options
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port < 65_536)) {
    throw new TypeError('port must be a TCP port, or 0 for any free one')
  }
  if (host !== undefined && (typeof host !== 'string' || host === '')) {
    throw new TypeError('host must be an address to listen on')
  }
  if (apiKey !== undefined) checkCredential('apiKey', apiKey)
  if (authToken !== undefined) checkCredential('authToken', authToken)
  if (tokenLifetime !== undefined && !Number.isFinite(tokenLifetime)) {
    throw new TypeError('tokenLifetime must be milliseconds')
  }
  if (now !== undefined && typeof now !== 'function') throw new TypeError('now must be a function')
}

/** @param {string} name @param {unknown} value */
function checkCredential(name, value) {
  if (typeof value !== 'string' || value === '') {
    throw new TypeError(`${name} must be a non-empty string`)
  }
}

exports.startEmulator = startEmulator
