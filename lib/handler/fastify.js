'use strict'

const { createTokenHandler } = require('./token-handler.js')
const { toEndpointRequest } = require('./node-request.js')

/** @param {import('./fastify.js').TokenHandlerOptions} options */
function veltTokenHandler(options) {
  const handle = createTokenHandler(options)

  /** @param {import('fastify').FastifyInstance} app */
  return async function veltToken(app) {
    // The endpoint reads no body. Without these parsers, Fastify does not reject a request because
    // of its body.
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', (_request, _payload, done) => done(null))
    // Fastify rejects a malformed Content-Type before it looks for a parser.
    app.addHook('onRequest', async (request) => {
      delete request.raw.headers['content-type']
    })

    app.all('/', async (request, reply) => {
      // Fastify keeps the headers in `reply` until it sends them.
      const vary = reply.getHeader('vary')
      const endpointRequest = { ...toEndpointRequest(request.raw, reply.raw), vary }
      const { status, headers, body } = await handle(endpointRequest, request)
      return reply.code(status).headers(headers).send(body)
    })
  }
}

exports.veltTokenHandler = veltTokenHandler
