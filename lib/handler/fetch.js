'use strict'

const { createTokenHandler } = require('./token-handler.js')

/**
 * @template Context
 * @param {import('./fetch.js').TokenHandlerOptions<Context>} options
 */
function veltTokenHandler(options) {
  const handle = createTokenHandler(options)

  /**
   * @param {Request} request
   * @param {Context} context the second argument, if the framework passes one
   */
  return async function veltToken(request, context) {
    const endpointRequest = {
      method: request.method,
      header: (/** @type {string} */ name) => request.headers.get(name),
      isClosed: () => request.signal.aborted,
    }
    const { status, headers, body } = await handle(endpointRequest, request, context)
    return new Response(body, { status, headers })
  }
}

exports.veltTokenHandler = veltTokenHandler
