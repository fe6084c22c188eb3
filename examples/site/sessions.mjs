// Your own users and sessions. A real app has a database and a session store.

import { randomUUID } from 'node:crypto'

const USERS = {
  ada: { userId: 'ada', organizationId: 'acme', email: 'ada@acme.example', isAdmin: true },
  bob: { userId: 'bob', organizationId: 'acme', email: 'bob@acme.example', isAdmin: false },
}
const sessions = new Map()

/** Whether the user belongs to the organization. */
export function isMember(userId) {
  return Object.hasOwn(USERS, userId)
}

/** The cookie of a new session, or undefined if the user does not exist. */
export function signIn(userId) {
  if (!isMember(userId)) return undefined
  const session = randomUUID()
  sessions.set(session, USERS[userId])
  return `session=${session}; HttpOnly; SameSite=Lax; Path=/`
}

export const SIGN_OUT = 'session=; Max-Age=0; Path=/'

/** The user of the session that the request's cookies name, as Velt gets it; or undefined. */
export function signedIn(cookie) {
  return sessions.get(/(?:^|; )session=([^;]+)/.exec(cookie ?? '')?.[1])
}
