import type { VeltToken } from '../../index.js'
import type { TokenProblem } from '../handler/endpoint.js'

export type { VeltToken }

/**
 * A user of Velt's SDK. Velt compares `userId`, `organizationId` and `email` with the token. Your object
 * may have more fields, such as `photoUrl` or `color`: see Velt's documentation.
 */
export interface AuthProviderUser {
  /** Your own unique id of the user. */
  userId: string
  /** The id of the user's organization. */
  organizationId?: string | undefined
  /** The user's email address. */
  email?: string | undefined
  /** The display name. */
  name?: string | undefined
}

/** Options of {@link createAuthProvider}. An unknown option is a `TypeError`. */
export interface AuthProviderOptions<User extends AuthProviderUser = AuthProviderUser> {
  /**
   * The signed-in user, for Velt's SDK. `userId`, `organizationId` and `email` must have the same values
   * as in `identify` on your server.
   */
  user: User
  /**
   * The URL of your token endpoint, on your own origin: a path or a complete URL. Default:
   * `'/api/velt/token'`.
   */
  endpoint?: string | undefined
}

/** An auth provider for Velt's SDK. It has the type `VeltAuthProvider` of `@veltdev/types`. */
export interface AuthProvider<User extends AuthProviderUser = AuthProviderUser> {
  /** The user from the options. */
  user: User
  /** Turns off the retries of Velt's SDK, because `generateToken` already retries. */
  retryConfig: { retryCount: number }
  /**
   * Fetches a token from the endpoint and resolves to it as a string. Rejects with a
   * {@link VeltTokenError}.
   */
  generateToken: () => Promise<string>
}

/**
 * Makes an auth provider for `<VeltProvider authProvider={…}>` and `client.setVeltAuthProvider(…)`. Make
 * it once for each user, in React with `useMemo`: Velt's SDK restarts with each new provider.
 *
 * Concurrent calls of the provider's `generateToken` share one request. Transient failures are retried,
 * as described at {@link fetchVeltToken}. If Velt's SDK calls `generateToken` before the last token has
 * expired, the provider assumes that Velt has rejected that token. The next request to the token endpoint
 * then has `Cache-Control: no-cache`: the server responds with a token that it received from Velt in the
 * last 10 seconds.
 *
 * @throws {TypeError} if an option is missing, wrong or unknown, for example if there is no user yet. The
 *   message says what to write instead.
 */
export function createAuthProvider<User extends AuthProviderUser>(
  options: AuthProviderOptions<User>,
): AuthProvider<User>

/**
 * Fetches a token for `client.identify(user, { authToken: token })`.
 *
 * ```ts
 * const { token } = await fetchVeltToken()
 * await client.identify(user, { authToken: token })
 * client.on('error').subscribe(async ({ code }: { code?: string }) => {
 *   if (code !== 'token_expired') return
 *   const { token } = await fetchVeltToken('/api/velt/token', { fresh: true })
 *   await client.identify(user, { authToken: token })
 * })
 * ```
 *
 * Transient failures are retried up to three times. These are: no response (the connection failed, or 30
 * seconds passed), 429, 503, 504, and a 502 that is not from the token endpoint (for example from a
 * proxy). The wait before a retry is the time in `Retry-After`. Without that header it is 1 second, then
 * 2, then 4. Up to half of this time is added at random.
 *
 * All other failures, such as 401 or 403, reject immediately. The call also rejects immediately if
 * `Retry-After` is more than a minute.
 *
 * @param endpoint the URL of your token endpoint, on your own origin: a path or a complete URL. Default:
 *   `'/api/velt/token'`
 * @throws {VeltTokenError} The promise rejects if no token could be fetched.
 * @throws {TypeError} The promise rejects at once if an argument is wrong or an option is unknown.
 */
export function fetchVeltToken(
  endpoint?: string,
  options?: {
    /**
     * `true` if Velt rejected the last token. The server then responds with a token that it received from
     * Velt in the last 10 seconds. Default: `false`.
     */
    fresh?: boolean | undefined
  },
): Promise<VeltToken>

/**
 * The error of {@link fetchVeltToken} and `generateToken`. Its message names the endpoint, for example
 * `/api/velt/token responded with 401: Sign in first.`
 */
export class VeltTokenError extends Error {
  private constructor()
  readonly name: 'VeltTokenError'
  /**
   * The reason: a code from the token endpoint (see {@link TokenProblem}), or `'network_error'` if there
   * was no response, or `'bad_response'` if the response was not from a token endpoint.
   */
  readonly code: TokenProblem['error']['code'] | 'network_error' | 'bad_response'
  /** The HTTP status. `undefined` if there was no response. */
  readonly status?: number
  /** Whether a later call may succeed. The call has already retried. */
  readonly retryable: boolean
  /** The delay from the `Retry-After` header, in milliseconds. `undefined` without that header. */
  readonly retryAfter?: number
}
