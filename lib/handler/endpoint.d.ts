import type { VeltGetOptions, VeltToken, VeltUser } from '../../index.js'

/** The method of a `VeltAuthClient` that a token endpoint calls. */
export interface TokenClient {
  getToken(user: VeltUser | string, options?: VeltGetOptions): Promise<VeltToken>
}

/**
 * Options of `veltTokenHandler`. `Args` are the arguments of `identify`: the request, as the framework
 * passes it to its handlers.
 */
export interface TokenHandlerOptions<Args extends unknown[]> {
  /** A `VeltAuthClient`. */
  client: TokenClient
  /**
   * Returns the signed-in user from your own session: a `VeltUser`, or the user id as a string. It may be
   * async. `null`, `undefined` and `false` mean that no user is signed in; the endpoint then responds
   * with 401. A missing `return` is also `undefined`.
   *
   * The endpoint takes the user only from `identify`. It never reads a user from the body, the query or
   * the headers of the request.
   *
   * If `identify` throws, the endpoint responds with 500 and the message "The server could not determine
   * the user." The error goes to `onError`.
   */
  identify: (
    ...args: Args
  ) =>
    | VeltUser
    | string
    | null
    | undefined
    | false
    | Promise<VeltUser | string | null | undefined | false>
  /**
   * The HTTP methods to accept. The endpoint responds to others with 405. `velt-auth/browser` sends POST,
   * so it needs `'POST'`. Default: `['POST']`.
   */
  methods?: readonly ('GET' | 'POST')[] | undefined
  /**
   * Called with the error of each 429 and 5xx response, including the details that the browser does not
   * get. The other arguments are those of `identify`. `onError` is not called for 401 and 405, nor if the
   * browser has closed the connection. If `onError` throws, both errors are logged with `console.error`.
   * Default: `console.error`.
   */
  onError?: ((error: unknown, ...args: Args) => void) | undefined
  /**
   * Lets pages on other origins use the endpoint. Mount the handler for all methods: with this option it
   * responds to the OPTIONS requests (preflight) of these origins. Default: no CORS headers, so only pages
   * on the endpoint's own origin can read its responses.
   */
  cors?: CorsOptions | undefined
}

/** CORS: which pages on other origins can read the responses of an endpoint. */
export interface CorsOptions {
  /**
   * The origins of these pages, exactly as browsers send them: scheme, host, and a port that is not the
   * default, such as `'https://app.example.com'` or `'http://localhost:5173'`. `['*']` allows every site.
   */
  origins: readonly string[]
  /**
   * `true` if the pages send cookies: `credentials: 'include'` in `velt-auth/browser`. A bearer token in
   * the `Authorization` header does not need this. `true` together with the origin `'*'` is an error.
   * Default: `false`.
   */
  credentials?: boolean | undefined
  /**
   * The names of request headers that the pages send besides `Authorization`, `Cache-Control` and
   * `Content-Type`, such as `['X-CSRF-Token']`. Default: none.
   */
  headers?: readonly string[] | undefined
}

/** The JSON body of every response without a token. */
export interface TokenProblem {
  error: {
    /**
     * | code | status | reason |
     * | --- | --- | --- |
     * | `unauthenticated` | 401 | no user is signed in |
     * | `method_not_allowed` | 405 | the HTTP method is not one of `methods` |
     * | `rate_limited` | 429 | Velt received too many requests |
     * | `server_error` | 500 | `identify` threw an error, or the endpoint is not set up correctly |
     * | `upstream_error` | 502 | Velt rejected the request, or sent an invalid response |
     * | `unavailable` | 503 | Velt cannot be reached, or has failed |
     * | `upstream_timeout` | 504 | Velt did not respond in time |
     */
    code:
      | 'unauthenticated'
      | 'method_not_allowed'
      | 'rate_limited'
      | 'unavailable'
      | 'upstream_timeout'
      | 'upstream_error'
      | 'server_error'
    /** A sentence for developers. It contains no confidential details. */
    message: string
    /**
     * Whether the same request may succeed later. If the response has a `Retry-After` header (429 and
     * 503), wait at least that long.
     */
    retryable: boolean
  }
}
