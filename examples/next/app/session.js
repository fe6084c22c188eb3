// Your own users and sessions. A real app has a database and a session store.

import { randomUUID } from 'node:crypto'
import { cookies } from 'next/headers'

const USERS = {
  ada: { userId: 'ada', organizationId: 'acme', email: 'ada@acme.example', isAdmin: true },
  bob: { userId: 'bob', organizationId: 'acme', email: 'bob@acme.example', isAdmin: false },
}

// Global, because Next.js loads a module once for pages and once for routes.
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

/** The user of the session that the request's cookies name, as Velt gets it; or undefined. */
export async function signedIn() {
  const jar = await cookies()
  return globalThis.sessions.get(jar.get('session')?.value)
}
