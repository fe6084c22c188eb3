// Your own users and sessions: a database and a session store in real life.

import { randomUUID } from 'node:crypto'
import { cookies } from 'next/headers'

const USERS = {
  ada: { userId: 'ada', organizationId: 'acme', email: 'ada@acme.example', isAdmin: true },
  bob: { userId: 'bob', organizationId: 'acme', email: 'bob@acme.example', isAdmin: false },
}

// Next.js loads a module once for pages and once for routes.
globalThis.sessions ??= new Map()

export async function signIn(userId) {
  const session = randomUUID()
  globalThis.sessions.set(session, USERS[userId])
  const jar = await cookies()
  jar.set('session', session, { httpOnly: true, sameSite: 'lax' })
}

export async function signOut() {
  const jar = await cookies()
  jar.delete('session')
}

/** Who the request's cookies say it is: the user as Velt shall know them, or nobody. */
export async function signedIn() {
  const jar = await cookies()
  return globalThis.sessions.get(jar.get('session')?.value)
}
