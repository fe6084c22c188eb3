// A browser project without `@veltdev/types` and without `@types/node`.

import {
  type AuthProvider,
  createAuthProvider,
  fetchVeltToken,
  VeltTokenError,
} from 'velt-auth/browser'

declare const email: string | undefined
declare const endpoint: string | undefined

const user = { userId: 'ada', email, plan: 'free' }
const provider: AuthProvider = createAuthProvider({ user, endpoint })
const plan: string = createAuthProvider({ user }).user.plan
const withOnError = { ...provider, onError: (error: unknown) => console.error(error) }

export async function token(fresh: boolean | undefined): Promise<string> {
  try {
    await withOnError.generateToken()
    return (await fetchVeltToken(endpoint, { fresh })).token
  } catch (error) {
    if (error instanceof VeltTokenError && error.code === 'network_error') return plan
    throw error
  }
}

// @ts-expect-error a user has an id
createAuthProvider({ user: { name: 'Ada' } })
// @ts-expect-error an id is a string
createAuthProvider({ user: { userId: 7 } })
// @ts-expect-error an unknown option
createAuthProvider({ user, endPoint: '/token' })
// @ts-expect-error the user is required
createAuthProvider({})
