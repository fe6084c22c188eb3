import express from 'express'
import { veltTokenHandler } from 'velt-auth/express'
import { signedIn } from '../site/sessions.mjs'

/** @param {import('velt-auth').VeltAuthClient} client */
export function createApp(client) {
  const app = express()
  app.all(
    '/api/velt/token',
    veltTokenHandler({ client, identify: (req) => signedIn(req.headers.cookie) }),
  )
  return app
}
