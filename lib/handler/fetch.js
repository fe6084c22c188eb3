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
   * @param {Context} context whatever the framework has beside the request
   */
  return async function veltToken(request, context) {
    const call = {
      method: request.method,
      cacheControl: request.headers.get('cache-control'),
      hasLeft: () => request.signal.aborted,
    }
    const { status, headers, body } = await handle(call, request, context)
    return new Response(body, { status, headers })
  }
}

exports.veltTokenHandler = veltTokenHandler
