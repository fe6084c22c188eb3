'use strict'

const { Readable } = require('node:stream')
const { createPermissionHandler, createTokenHandler } = require('./handlers.js')

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
    return toResponse(await handle(toEndpointRequest(request), request, context))
  }
}

/** @param {import('./fetch.js').PermissionHandlerOptions} options */
function veltPermissionHandler(options) {
  const handle = createPermissionHandler(options)

  /** @param {Request} request */
  return async function veltPermissions(request) {
    return toResponse(await handle(toEndpointRequest(request), () => toBody(request)))
  }
}

/** @param {Request} request @returns {import('./responses.js').EndpointRequest} */
function toEndpointRequest(request) {
  return {
    method: request.method,
    header: (name) => request.headers.get(name),
    isClosed: () => request.signal.aborted,
  }
}

/** @param {Request} request @returns {import('./body.js').Body} */
function toBody(request) {
  if (request.bodyUsed) return { parsed: undefined }
  const { body } = request
  return { stream: body ? Readable.fromWeb(/** @type {any} */ (body)) : Readable.from([]) }
}

/** @param {import('./responses.js').EndpointResponse} response */
function toResponse({ status, headers, body }) {
  return new Response(body, { status, headers })
}

exports.veltPermissionHandler = veltPermissionHandler
exports.veltTokenHandler = veltTokenHandler
