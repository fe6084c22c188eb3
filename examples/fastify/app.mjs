import Fastify from 'fastify'
import { veltTokenHandler } from 'velt-auth/fastify'
import { signedIn } from '../site/sessions.mjs'

/** @param {import('velt-auth').VeltAuthClient} client */
export async function createApp(client) {
  const app = Fastify()
  app.register(
    veltTokenHandler({ client, identify: (request) => signedIn(request.headers.cookie) }),
    { prefix: '/api/velt/token' },
  )
  await app.ready()
  return app.routing
}
