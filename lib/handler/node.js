// For `node:http`, and for Express, which passes Node's own requests and responses.

'use strict'

const {
  createPermissionHandler,
  createTokenHandler,
  toBody,
  toEndpointRequest,
} = require('./handlers.js')

/**
 * @typedef {import('node:http').IncomingMessage} IncomingMessage
 * @typedef {import('node:http').ServerResponse} ServerResponse
 */

/** @param {import('./node.js').TokenHandlerOptions} options */
function veltTokenHandler(options) {
  const handle = createTokenHandler(options)

  /** @param {IncomingMessage} req @param {ServerResponse} res */
  return async function veltToken(req, res) {
    send(res, await handle(toEndpointRequest(req, res), req))
  }
}

/** @param {import('./node.js').PermissionHandlerOptions} options */
function veltPermissionHandler(options) {
  const handle = createPermissionHandler(options)

  /** @param {IncomingMessage & { body?: unknown }} req `body` is set by body parsers @param {ServerResponse} res */
  return async function veltPermissions(req, res) {
    send(res, await handle(toEndpointRequest(req, res), () => toBody(req, req.body)))
  }
}

/** @param {ServerResponse} res @param {import('./responses.js').EndpointResponse} response */
function send(res, { status, headers, body }) {
  // Another middleware has already sent a response, for example one for a timeout.
  if (res.headersSent) return
  res.writeHead(status, headers).end(body)
}

exports.veltPermissionHandler = veltPermissionHandler
exports.veltTokenHandler = veltTokenHandler
