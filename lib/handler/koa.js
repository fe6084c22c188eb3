'use strict'

const {
  createPermissionHandler,
  createTokenHandler,
  toBody,
  toEndpointRequest,
} = require('./handlers.js')

/** @typedef {import('koa').Context} Context */

/** @param {import('./koa.js').TokenHandlerOptions} options */
function veltTokenHandler(options) {
  const handle = createTokenHandler(options)

  /** @param {Context} ctx */
  return async function veltToken(ctx) {
    send(ctx, await handle(toEndpointRequest(ctx.req, ctx.res), ctx))
  }
}

/** @param {import('./koa.js').PermissionHandlerOptions} options */
function veltPermissionHandler(options) {
  const handle = createPermissionHandler(options)

  /** @param {Context} ctx */
  return async function veltPermissions(ctx) {
    const { body } = /** @type {{ body?: unknown }} */ (ctx.request) // set by body parsers
    send(ctx, await handle(toEndpointRequest(ctx.req, ctx.res), () => toBody(ctx.req, body)))
  }
}

/** @param {Context} ctx @param {import('./responses.js').EndpointResponse} response */
function send(ctx, { status, headers, body }) {
  ctx.status = status
  ctx.body = body
  ctx.set(headers)
}

exports.veltPermissionHandler = veltPermissionHandler
exports.veltTokenHandler = veltTokenHandler
