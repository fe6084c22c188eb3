'use strict'

const { createTokenHandler } = require('./token-handler.js')
const { toCall } = require('./node-request.js')

/** @param {import('./fastify.js').TokenHandlerOptions} options */
function veltTokenHandler(options) {
  const handle = createTokenHandler(options)

  /** @param {import('fastify').FastifyInstance} app */
  return async function veltToken(app) {
    // No body is read, so none can be refused: of no type, of no length, with no syntax.
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', (_request, _payload, done) => done(null))
    // One that is no type Fastify refuses before it looks for a parser.
    app.addHook('onRequest', async (request) => {
      delete request.raw.headers['content-type']
    })

    app.all('/', async (request, reply) => {
      const { status, headers, body } = await handle(toCall(request.raw, reply.raw), request)
      return reply.code(status).headers(headers).send(body)
    })
  }
}

exports.veltTokenHandler = veltTokenHandler
