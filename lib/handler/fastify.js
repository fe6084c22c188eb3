'use strict'

const { createPermissionHandler, createTokenHandler, toEndpointRequest } = require('./handlers.js')

/**
 * @typedef {import('fastify').FastifyInstance} FastifyInstance
 * @typedef {import('fastify').FastifyReply} FastifyReply
 * @typedef {import('fastify').FastifyRequest} FastifyRequest
 * @typedef {import('./responses.js').EndpointResponse} EndpointResponse
 */

/** @param {import('./fastify.js').TokenHandlerOptions} options */
function veltTokenHandler(options) {
  const handle = createTokenHandler(options)

  return endpoint('veltToken', (endpointRequest, request) => handle(endpointRequest, request))
}

/** @param {import('./fastify.js').PermissionHandlerOptions} options */
function veltPermissionHandler(options) {
  const handle = createPermissionHandler(options)

  return endpoint('veltPermissions', (endpointRequest, { raw }) =>
    handle(endpointRequest, () => ({ stream: raw })),
  )
}

/**
 * A plugin with one route for all methods. Its handler reads the body itself, if at all.
 *
 * @param {string} name
 * @param {(endpointRequest: import('./responses.js').EndpointRequest, request: FastifyRequest) => Promise<EndpointResponse>} handle
 */
function endpoint(name, handle) {
  /** @param {FastifyInstance} app */
  const plugin = async (app) => {
    // Without these parsers, Fastify does not reject a request because of its body.
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
  // Fastify prints this name in its list of plugins.
  return Object.defineProperty(plugin, 'name', { value: name })
}

exports.veltPermissionHandler = veltPermissionHandler
exports.veltTokenHandler = veltTokenHandler
