// A document that Ada shares with Bob for a minute. Velt stores the permission and ends it.

import { Router } from 'express'
import { signedIn } from '../site/sessions.mjs'

const PLAN = { type: 'document', id: 'plan', organizationId: 'acme' }

/** @param {import('velt-auth').VeltAuthClient} client */
export function shareRoutes(client) {
  const routes = Router()
  // Your own rule decides who may share. Velt does not know it.
  routes.use((req, res, next) => {
    if (signedIn(req.headers.cookie)?.isAdmin) next()
    else res.status(403).json({ error: 'Only Ada may share the document.' })
  })
  routes.get('/', async (_req, res) => {
    const { bob } = await client.permissions.get({
      organizationId: 'acme',
      userIds: ['bob'],
      documentIds: ['plan'],
    })
    res.json(bob?.documents?.plan)
  })
  routes.post('/', async (_req, res) => {
    await client.permissions.add('bob', [{ ...PLAN, accessRole: 'viewer', expiresIn: 60 }])
    res.sendStatus(204)
  })
  routes.delete('/', async (_req, res) => {
    await client.permissions.remove('bob', [PLAN])
    res.sendStatus(204)
  })
  return routes
}
