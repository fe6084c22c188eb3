// Your own users and sessions: a database and a session store in real life.

import { randomUUID } from 'node:crypto'

const USERS = {
  ada: { userId: 'ada', organizationId: 'acme', email: 'ada@acme.example', isAdmin: true },
  bob: { userId: 'bob', organizationId: 'acme', email: 'bob@acme.example', isAdmin: false },
}
const sessions = new Map()

/** A new session's cookie, or nothing where there is no such user. */
export function signIn(userId) {
  if (!Object.hasOwn(USERS, userId)) return undefined
  const session = randomUUID()
  sessions.set(session, USERS[userId])
  return `session=${session}; HttpOnly; SameSite=Lax; Path=/`
}

export const SIGN_OUT = 'session=; Max-Age=0; Path=/'

/** Who the request's cookies say it is: the user as Velt shall know them, or nobody. */
export function signedIn(cookie) {
  return sessions.get(/(?:^|; )session=([^;]+)/.exec(cookie ?? '')?.[1])
}
