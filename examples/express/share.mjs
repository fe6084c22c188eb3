// The server of the page /share: Ada shares a document with Bob for a minute.

import { randomUUID } from 'node:crypto'
import { Router } from 'express'
import { veltPermissionHandler } from 'velt-auth/express'
import { isMember, signedIn } from '../site/sessions.mjs'

const SECONDS = 60
const PLAN = { type: 'document', id: 'plan', organizationId: 'acme' }
const TEXT = [
  'We open the new workspace on Monday. The team in Lisbon watches the first hour.',
  'Support answers the first questions. The prices stay as they are until May.',
]

/**
 * @param {import('velt-auth').VeltAuthClient} client
 * @param {boolean} emulated whether the emulator replaces Velt
 */
export function shareRoutes(client, emulated) {
  /** Your own database: the Unix time in milliseconds when the access of a user ends. */
  const shares = new Map()

  /** The access of a user to the document; `undefined` without access. */
  function accessOf(userId) {
    if (userId === 'ada') return { role: 'editor' }
    const seconds = Math.floor(((shares.get(userId) ?? 0) - Date.now()) / 1000)
    return seconds > 0 ? { role: 'viewer', seconds, endsAt: shares.get(userId) } : undefined
  }

  const routes = Router()
  // Velt asks here who has access. In development, the page asks instead of Velt, without a token.
  routes.all(
    '/permissions',
    veltPermissionHandler({
      ...(emulated
        ? { allowUnauthenticated: true }
        : // The token from Velt's console. Without it, nobody can ask.
          { token: process.env.VELT_PERMISSION_TOKEN ?? randomUUID() }),
      authorize({ userId, resource: { type, id, organizationId } }) {
        if (organizationId !== PLAN.organizationId || !isMember(userId)) return false
        if (type === 'organization') return true
        const access = type === PLAN.type && id === PLAN.id ? accessOf(userId) : undefined
        return access
          ? { hasAccess: true, accessRole: access.role, expiresIn: access.seconds }
          : false
      },
    }),
  )
  routes.use((req, res, next) => {
    res.locals.user = signedIn(req.headers.cookie)
    if (res.locals.user) next()
    else res.status(401).json({ error: 'Sign in first.' })
  })
  routes.get('/', (_req, res) => {
    const { userId } = res.locals.user
    const access = accessOf(userId)
    // Only Ada sees with whom the document is shared.
    const shared = userId === 'ada' ? { bob: accessOf('bob') ?? null } : {}
    res.json(access ? { ...access, ...shared, text: TEXT } : {})
  })
  // Your own rule decides who may share.
  routes.use((_req, res, next) => {
    if (res.locals.user.userId === 'ada') next()
    else res.status(403).json({ error: 'Only Ada may share the document.' })
  })
  // Velt stores the permission, ends it, and your server needs no timer. Both calls also drop Bob's tokens.
  routes.post('/', async (_req, res) => {
    await client.permissions.add('bob', [{ ...PLAN, accessRole: 'viewer', expiresIn: SECONDS }])
    shares.set('bob', Date.now() + SECONDS * 1000)
    res.sendStatus(204)
  })
  routes.delete('/', async (_req, res) => {
    shares.delete('bob')
    await client.permissions.remove('bob', [PLAN])
    res.sendStatus(204)
  })
  return routes
}
