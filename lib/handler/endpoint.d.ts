import type { VeltToken, VeltUser } from '../../index.js'

/** What a token endpoint needs of a client. */
export interface TokenSource {
  getToken(user: VeltUser | string): Promise<VeltToken>
  generateToken(user: VeltUser | string): Promise<VeltToken>
}

/** `Subject` is what the framework hands to its handlers. */
export interface TokenHandlerOptions<Subject extends unknown[]> {
  /** A `VeltAuthClient`. */
  client: TokenSource
  /**
   * Says who is signed in, from your own session. It is the only source of identity: what the
   * request says of a user is never read. `null`, `undefined` and `false` mean nobody, and are
   * answered with 401; if it throws, the answer is 500.
   */
  identify: (
    ...subject: Subject
  ) =>
    | VeltUser
    | string
    | null
    | undefined
    | false
    | Promise<VeltUser | string | null | undefined | false>
  /** The methods to answer; others get 405. Default: `['POST']`. */
  methods?: readonly ('GET' | 'POST')[]
  /**
   * Told of every failure, with the detail that the browser does not get, unless the visitor has left.
   * Default: `console.error`.
   */
  onError?: (error: unknown, ...subject: Subject) => void
}

/** The body of every answer that is not a token. */
export interface TokenProblem {
  error: {
    code:
      | 'unauthenticated'
      | 'method_not_allowed'
      | 'rate_limited'
      | 'unavailable'
      | 'upstream_timeout'
      | 'upstream_error'
      | 'server_error'
    message: string
    /** Whether it makes sense to ask again, after `Retry-After` where that header is given. */
    retryable: boolean
  }
}
