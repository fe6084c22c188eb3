// For `node:http`, and for Express, which passes Node's own requests and responses.

'use strict'

const { createTokenHandler } = require('./token-handler.js')
const { toEndpointRequest } = require('./node-request.js')

/** @param {import('./node.js').TokenHandlerOptions} options */
function veltTokenHandler(options) {
  const handle = createTokenHandler(options)

  /**
   * @param {import('node:http').IncomingMessage} req
   * @param {import('node:http').ServerResponse} res
   */
  return async function veltToken(req, res) {
    const { status, headers, body } = await handle(toEndpointRequest(req, res), req)
    // Another middleware has already sent a response, for example one for a timeout.
    if (res.headersSent) return
    res.writeHead(status, headers).end(body)
  }
}

exports.veltTokenHandler = veltTokenHandler
