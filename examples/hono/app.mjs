import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { veltTokenHandler } from 'velt-auth/fetch'
import { signedIn } from '../site/sessions.mjs'

/** @param {import('velt-auth').VeltAuthClient} client */
export function createApp(client) {
  const app = new Hono()
  const handle = veltTokenHandler({
    client,
    identify: (request) => signedIn(request.headers.get('cookie')),
  })
  app.all('/api/velt/token', (c) => handle(c.req.raw))
  return getRequestListener(app.fetch)
}
