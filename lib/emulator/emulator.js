// @ts-check

// An emulator of Velt's API for tokens and permissions. It imports nothing from the rest of lib: it
// must not share the bugs of the code that it tests.

'use strict'

const { randomBytes, randomUUID } = require('node:crypto')
const { once } = require('node:events')
const http = require('node:http')
const https = require('node:https')
const { inspect } = require('node:util')
const { respond, sentPermissions } = require('./api.js')
const { askPermission } = require('./ask-permission.js')
const { control, isControl } = require('./control.js')
const { FaultQueue, sendResponse } = require('./faults.js')
const { sign, verify } = require('./jwt.js')
const { checkCredential, checkOptions } = require('./options.js')
const { Permissions } = require('./permissions.js')
const { workspaceConfig } = require('./workspace.js')

/**
 * @typedef {import('./index.js').Emulator} Emulator
 * @typedef {import('./index.js').EmulatorOptions} EmulatorOptions
 * @typedef {import('./index.js').RecordedRequest} RecordedRequest
 * @typedef {import('./api.js').RequestedClaims} RequestedClaims
 * @typedef {import('node:http').IncomingMessage} IncomingMessage
 * @typedef {import('node:http').ServerResponse} ServerResponse
 * @typedef {import('node:net').Socket} Socket
 */

const HOURS = 60 * 60 * 1000

/** @param {EmulatorOptions} [options] @returns {Promise<Emulator>} */
async function startEmulator(options = {}) {
  checkOptions(options)
  const { port = 0, host = '127.0.0.1', apiKey = 'emulator-api-key', tls } = options
  const { tokenLifetime = 48 * HOURS, now = Date.now } = options
  const { authToken = 'emulator-auth-token', onRequest } = options
  const secret = randomBytes(32)
  const account = {
    apiKey,
    authTokens: [authToken].flat(),
    permissions: new Permissions(),
    workspace: workspaceConfig(options),
    issue: (/** @type {RequestedClaims} */ claims) => sign(claims, secret, now(), tokenLifetime),
    now,
  }
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
    if (isControl(request)) {
      await sendResponse({}, () => control(request, emulator), request, res, socket)
      return
    }
    requests.push(request)
    onRequest?.(request)
    const fault = faults.take(request) ?? {}
    await sendResponse(fault, () => respond(request, account), request, res, socket)
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
      return account.authTokens[0]
    },
    get authTokens() {
      return [...account.authTokens]
    },
    requests,
    get connections() {
      return connections
    },
    rotateAuthToken(next) {
      checkCredential('authToken', next)
      account.authTokens = [next]
    },
    resetAuthToken(previous = account.authTokens[0]) {
      const index = account.authTokens.indexOf(previous)
      if (index < 0) throw new TypeError('resetAuthToken: the emulator has no such auth token')
      const next = `emulator-auth-token-${randomUUID()}`
      account.authTokens[index] = next
      return next
    },
    async askPermission(url, queries, askOptions) {
      const results = await askPermission(url, queries, askOptions)
      account.permissions.setContext(queries, results)
      return results
    },
    fault: (fault) => faults.add(fault),
    reset() {
      faults.clear()
      account.permissions.clear()
      requests.length = 0
    },
    verify: (token) => verify(token, secret, now()),
    close,
    [Symbol.asyncDispose]: close,
    // Without this, `console.log(emulator)` prints `authToken: [Getter]`.
    [inspect.custom]: () => {
      const { authToken, authTokens } = emulator
      return { url, apiKey, authToken, authTokens, connections, requests }
    },
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
  const path = req.url ?? ''
  const body = parseJson(rawBody)
  return {
    method: req.method ?? '',
    path,
    headers: req.headers,
    rawBody,
    body,
    permissions: sentPermissions(path, body),
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

exports.startEmulator = startEmulator
