import express from 'express'
import { veltTokenHandler } from 'velt-auth/express'
import { signedIn } from '../site/sessions.mjs'
import { shareRoutes } from './share.mjs'

/**
 * @param {import('velt-auth').VeltAuthClient} client
 * @param {boolean} emulated whether the emulator replaces Velt
 */
export function createApp(client, emulated = true) {
  const app = express()
  app.all(
    '/api/velt/token',
    veltTokenHandler({ client, identify: (req) => signedIn(req.headers.cookie) }),
  )
  app.use('/api/share', shareRoutes(client, emulated)) // the page /share
  return app
}
