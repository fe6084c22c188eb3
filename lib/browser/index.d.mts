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

/** How the token endpoint is requested. */
export interface RequestOptions {
  /**
   * Headers of the request, such as `{ authorization: 'Bearer …' }`, or a function that returns them. The
   * function may be async. It is called for each request and for each retry, so a bearer token that
   * expires can be renewed. If it throws, or returns no object of strings, the call rejects with that
   * error, without a retry. Default: no headers.
   */
  headers?:
    | Record<string, string>
    | (() => Record<string, string> | Promise<Record<string, string>>)
    | undefined
  /**
   * Whether the browser sends cookies, as in `fetch`. `'include'` also sends them to another origin, whose
   * endpoint then needs `cors: { origins, credentials: true }`. Default: `'same-origin'`.
   */
  credentials?: 'same-origin' | 'include' | 'omit' | undefined
  /**
   * Cancels the request, and the waits between retries. The call then rejects with `signal.reason`.
   * `createAuthProvider` uses it for all calls of the provider.
   */
  signal?: AbortSignal | undefined
}

/** Options of {@link createAuthProvider}. An unknown option is a `TypeError`. */
export interface AuthProviderOptions<User extends AuthProviderUser = AuthProviderUser>
  extends RequestOptions {
  /**
   * The signed-in user, for Velt's SDK. `userId`, `organizationId` and `email` must have the same values
   * as in `identify` on your server.
   */
  user: User
  /**
   * The URL of your token endpoint: a path on the page's own origin, or a complete URL. On another origin,
   * the endpoint needs the option `cors`. Default: `'/api/velt/token'`.
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
 * Velt's `setVeltAuthProvider()` resolves to `null` if it fails. To get the error instead, copy the
 * provider: `{ ...createAuthProvider({ user }), options: { throwError: true } }`.
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
 * await client.identify(user, { authToken: token, throwError: true })
 * client.on('error').subscribe(async ({ code }: { code?: string }) => {
 *   if (code !== 'token_expired') return
 *   const { token } = await fetchVeltToken('/api/velt/token', { fresh: true })
 *   await client.identify(user, { authToken: token, throwError: true })
 * })
 * ```
 *
 * Without `throwError: true`, Velt's `identify()` resolves to `null` if it fails.
 *
 * Transient failures are retried up to three times. These are: no response (the connection failed, or 30
 * seconds passed), 429, 503, 504, and a 502 that is not from the token endpoint (for example from a
 * proxy). The wait before a retry is the time in `Retry-After`. Without that header it is 1 second, then
 * 2, then 4. Up to half of this time is added at random.
 *
 * All other failures, such as 401 or 403, reject immediately. The call also rejects immediately if
 * `Retry-After` is more than a minute.
 *
 * `expiresAt` is Unix time in milliseconds, by the clock of the browser. The endpoint sends the remaining
 * time, so a wrong clock does not change when the token expires.
 *
 * @param endpoint the URL of your token endpoint: a path on the page's own origin, or a complete URL. On
 *   another origin, the endpoint needs the option `cors`. Default: `'/api/velt/token'`
 * @throws {VeltTokenError} The promise rejects if no token could be fetched.
 * @throws {TypeError} The promise rejects at once if an argument is wrong or an option is unknown.
 */
export function fetchVeltToken(
  endpoint?: string,
  options?: RequestOptions & {
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
