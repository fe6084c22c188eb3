import type { User, VeltAuthProvider } from '@veltdev/types'
import type { VeltToken } from '../../index.js'
import type { TokenProblem } from '../handler/endpoint.js'

export type { VeltToken }

/**
 * What `<VeltProvider authProvider={…}>` and `client.setVeltAuthProvider(…)` take. Make it once for
 * a user, in React with `useMemo`: Velt's SDK starts anew with each new object.
 *
 * Its `generateToken` sends one request for all who ask at the same time, tries again what can mend
 * itself (see {@link fetchVeltToken}), and where it is asked again although its last token is still
 * valid, gets a new one past every cache.
 */
export function createAuthProvider(options: AuthProviderOptions): VeltAuthProvider & {
  generateToken: () => Promise<string>
}

export interface AuthProviderOptions {
  /** The user as Velt shows them. Ids and email must be those that your endpoint says. */
  user: User
  /** Where your `veltTokenHandler` is, on your own origin. Default: `'/api/velt/token'`. */
  endpoint?: string
}

/**
 * Gets a token for `client.identify(user, { authToken: token })`.
 *
 * ```js
 * const { token } = await fetchVeltToken()
 * await client.identify(user, { authToken: token })
 * client.on('error').subscribe(async ({ code }) => {
 *   if (code !== 'token_expired') return
 *   const { token } = await fetchVeltToken('/api/velt/token', { fresh: true })
 *   await client.identify(user, { authToken: token })
 * })
 * ```
 *
 * What can mend itself is tried up to three times more: no answer, 429, 503, 504 and a proxy's 502,
 * after `Retry-After` where it is given (a minute at most), else after 1, 2 and 4 seconds, and some
 * more at random. A 401 or 403 ends it at once.
 *
 * @param endpoint where your `veltTokenHandler` is, on your own origin. Default:
 *   `'/api/velt/token'`
 * @throws {VeltTokenError}
 */
export function fetchVeltToken(
  endpoint?: string,
  options?: {
    /** Whether the last token was refused, so that no cache may give it again. Default: `false`. */
    fresh?: boolean
  },
): Promise<VeltToken>

/** Why there is no token. */
export class VeltTokenError extends Error {
  private constructor()
  readonly name: 'VeltTokenError'
  /** What went wrong, for `switch`: {@link TokenProblem}'s codes, and two of the browser's own. */
  readonly code: TokenProblem['error']['code'] | 'network_error' | 'bad_response'
  /** The HTTP status, if there was an answer. */
  readonly status?: number
  /** Whether asking again later may succeed. It was already tried as often as makes sense. */
  readonly retryable: boolean
  /** How long the server asked to wait, in milliseconds. */
  readonly retryAfter?: number
}
