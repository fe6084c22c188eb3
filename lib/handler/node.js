// For `node:http`, and for Express, whose requests and responses are Node's own.

'use strict'

const { createTokenHandler } = require('./token-handler.js')
const { toCall } = require('./node-request.js')

/** @param {import('./node.js').TokenHandlerOptions} options */
function veltTokenHandler(options) {
  const handle = createTokenHandler(options)

  /**
   * @param {import('node:http').IncomingMessage} req
   * @param {import('node:http').ServerResponse} res
   */
  return async function veltToken(req, res) {
    const { status, headers, body } = await handle(toCall(req, res), req)
    // Somebody else has answered meanwhile, as a middleware does that watches the time.
    if (res.headersSent) return
    res.writeHead(status, headers).end(body)
  }
}

exports.veltTokenHandler = veltTokenHandler
