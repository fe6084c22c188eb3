'use strict'

const { createTokenHandler } = require('./token-handler.js')
const { toEndpointRequest } = require('./node-request.js')

/** @param {import('./koa.js').TokenHandlerOptions} options */
function veltTokenHandler(options) {
  const handle = createTokenHandler(options)

  /** @param {import('koa').Context} ctx */
  return async function veltToken(ctx) {
    const { status, headers, body } = await handle(toEndpointRequest(ctx.req, ctx.res), ctx)
    ctx.status = status
    ctx.body = body
    ctx.set(headers)
  }
}

exports.veltTokenHandler = veltTokenHandler
