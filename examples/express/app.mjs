// A server that protects Velt's identify() with JWT tokens: the six steps of Velt's guide.
//
//   1. In console.velt.dev, switch on "Require JWT Token", and copy the API key and an auth token
//      into the environment as VELT_API_KEY and VELT_AUTH_TOKEN.

import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import express from 'express'
import { veltTokenHandler } from 'velt-auth/express'

/** Your own users and sessions: a database and a session store in real life. */
const USERS = {
  ada: { id: 'ada', email: 'ada@acme.example', orgId: 'acme', admin: true },
  bob: { id: 'bob', email: 'bob@acme.example', orgId: 'acme', admin: false },
}
const sessions = new Map()

function signedIn(req) {
  const session = /(?:^|; )session=([^;]+)/.exec(req.headers.cookie ?? '')?.[1]
  return sessions.get(session)
}

/** @param {import('velt-auth').VeltAuthClient} client */
export function createApp(client) {
  const app = express()

  app.post('/sign-in/:name', (req, res) => {
    const user = USERS[req.params.name]
    if (!user) return res.sendStatus(404)
    const session = randomUUID()
    sessions.set(session, user)
    res.cookie('session', session, { httpOnly: true, sameSite: 'lax' }).json({ id: user.id })
  })

  app.post('/sign-out', (_req, res) => {
    res.clearCookie('session').json({})
  })

  // 2. An endpoint that makes tokens, and 3. the call to Velt's REST API. Who the token is for is
  //    said by your session alone; nothing that the browser sends can change it.
  app.post(
    '/api/velt/token',
    veltTokenHandler({
      client,
      identify: (req) => {
        const user = signedIn(req)
        return (
          user && {
            userId: user.id,
            organizationId: user.orgId,
            email: user.email,
            isAdmin: user.admin,
          }
        )
      },
    }),
  )

  // 4. to 6. happen in the browser: see page.html.
  app.get('/', (_req, res) => {
    res.sendFile(fileURLToPath(new URL('page.html', import.meta.url)))
  })
  return app
}
