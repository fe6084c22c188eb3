// tRPC and the token endpoint on one Express server, with the same sign-in.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { initTRPC } from '@trpc/server'
import { createExpressMiddleware } from '@trpc/server/adapters/express'
import express from 'express'
import { veltTokenHandler } from 'velt-auth/express'
import { emulateWithClient } from './support/emulator.mjs'
import { listen } from './support/servers.mjs'

test('the endpoint takes the user from the context of the tRPC procedures', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const createContext = async ({ req }) => ({ user: req.get('x-user') })
  const trpc = initTRPC.context().create()
  const router = trpc.router({ me: trpc.procedure.query(({ ctx }) => ctx.user ?? 'nobody') })

  const app = express()
  app.use('/trpc', createExpressMiddleware({ router, createContext }))
  const identify = async (req) => (await createContext({ req })).user
  app.all('/api/velt/token', veltTokenHandler({ client, identify }))
  const { url } = await listen(t, createServer(app), 'http://127.0.0.1')

  for (const [headers, user, status] of [
    [{ 'x-user': 'ada' }, 'ada', 200],
    [{}, 'nobody', 401],
  ]) {
    const { result } = await (await fetch(`${url}/trpc/me`, { headers })).json()
    assert.equal(result.data, user)
    const response = await fetch(`${url}/api/velt/token`, { method: 'POST', headers })
    assert.equal(response.status, status)
    const { token } = await response.json()
    if (token) assert.equal(emulator.verify(token).userId, user)
  }
})
