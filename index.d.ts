/**
 * Why a call failed.
 *
 * | code | what happened | try again? |
 * | --- | --- | --- |
 * | `ERR_VELT_CONFIG` | an option is missing or wrong | no |
 * | `ERR_VELT_INVALID_USER` | the user is not one that Velt can take | no |
 * | `ERR_VELT_UNAUTHORIZED` | Velt refused the API key or the auth token | no |
 * | `ERR_VELT_REJECTED` | Velt refused the request for any other reason | no |
 * | `ERR_VELT_RATE_LIMITED` | Velt asks for fewer requests | yes, after `retryAfter` |
 * | `ERR_VELT_UNAVAILABLE` | Velt, or a proxy before it, failed (408, 5xx but 501) | yes |
 * | `ERR_VELT_NETWORK` | DNS, connect, TLS, reset: no whole answer arrived | see `retryable` |
 * | `ERR_VELT_TIMEOUT` | no whole answer arrived in time | yes |
 * | `ERR_VELT_BAD_RESPONSE` | an answer arrived with neither a token nor a reason | see `retryable` |
 * | `ERR_VELT_CLOSED` | the client was closed | no |
 */
export type VeltAuthErrorCode =
  | 'ERR_VELT_CONFIG'
  | 'ERR_VELT_INVALID_USER'
  | 'ERR_VELT_UNAUTHORIZED'
  | 'ERR_VELT_REJECTED'
  | 'ERR_VELT_RATE_LIMITED'
  | 'ERR_VELT_UNAVAILABLE'
  | 'ERR_VELT_NETWORK'
  | 'ERR_VELT_TIMEOUT'
  | 'ERR_VELT_BAD_RESPONSE'
  | 'ERR_VELT_CLOSED'

/**
 * Every failure of this package. It never holds a credential, a user's token, or a body that Velt
 * sent, so it may be logged whole. `instanceof` holds between two installed copies.
 */
export class VeltAuthError extends Error {
  private constructor()
  readonly name: 'VeltAuthError'
  /** What went wrong, for `switch`. */
  readonly code: VeltAuthErrorCode
  /**
   * Whether the same call may succeed later without anybody changing anything. It was already
   * tried again as often as the options allow.
   */
  readonly retryable: boolean
  /**
   * Requests sent for this call: 0 when it was refused before anything was sent, or given up (by
   * `close()`, or at `getToken`'s `deadline`) while one was on its way.
   */
  readonly attempts: number
  /** The HTTP status of the last answer, if there was one. */
  readonly httpStatus?: number
  /** Velt's own status, a `google.rpc.Code` name such as `'INVALID_ARGUMENT'`. */
  readonly status?: string
  /** How long Velt asked us to wait, in milliseconds. */
  readonly retryAfter?: number
  /** The technical detail: what failed below us, or Velt's sentence. */
  readonly cause?: Error
}

/** One entry of `permissions.resources`, as Velt's v2 API documents it. */
export interface VeltResource {
  /** What is opened. */
  type: 'organization' | 'folder' | 'document'
  /** Your id of it. */
  id: string
  /** The organization it belongs to. Required for folders and documents. */
  organizationId?: string | null
  /** What may be done with it. Velt takes `'editor'` where none is given. */
  accessRole?: 'viewer' | 'editor' | null
  /** When the access ends, in Unix **seconds** (as Velt has it). Milliseconds are refused. */
  expiresAt?: number | null
}

/**
 * The user that a token is made for. Take every field from your own session or database, never
 * from the request: whoever chooses them is that user.
 *
 * `null` counts as absent. Unknown fields, wrong types and empty strings are refused with
 * `ERR_VELT_INVALID_USER` before anything is sent.
 */
export interface VeltUser {
  /** Your own unique id of the user. */
  userId: string
  /** Velt checks it against the one that the browser passes to `identify()`. */
  organizationId?: string | null
  /** Velt checks it against the one that the browser passes to `identify()`. */
  email?: string | null
  /** The display name. Only with `apiVersion: 'v2'`. */
  name?: string | null
  /** The only way to make a user an admin in Velt. */
  isAdmin?: boolean | null
  /** What the user may open. Only with `apiVersion: 'v2'`. */
  permissions?: { resources: VeltResource[] } | null
}

/**
 * Wrong values and unknown names throw `ERR_VELT_CONFIG`; `undefined` and `null` mean the default.
 */
export interface VeltAuthClientOptions {
  /** Velt's API key. Default: `process.env.VELT_API_KEY`. */
  apiKey?: string | null
  /** The auth token from console.velt.dev. Default: `process.env.VELT_AUTH_TOKEN`. */
  authToken?: string | null
  /**
   * `'v1'` is the endpoint of Velt's guide; `'v2'` also carries `name` and `permissions`.
   * Default: `'v1'`.
   */
  apiVersion?: 'v1' | 'v2' | null
  /**
   * Where Velt is: https, or http on loopback (as the emulator is). A path is kept as a prefix.
   * Default: `process.env.VELT_BASE_URL`, else `https://api.velt.dev`.
   */
  baseUrl?: string | null
  /** How long one attempt may take, in milliseconds. Default: 5000. */
  timeout?: number | null
  /** How long a call may take, all attempts and waits together, in milliseconds. Default: 15000. */
  deadline?: number | null
  /** How many requests one call may send, 1 to 10. Default: 3. */
  maxAttempts?: number | null
  /**
   * The URL of an HTTP or HTTPS proxy, with `user:password@` if it wants them.
   * Default: `process.env.HTTPS_PROXY` (or `https_proxy`), but for hosts in `NO_PROXY`.
   */
  proxy?: string | null
  /**
   * PEM certificates to trust instead of the built-in roots (Mozilla's), as in `node:tls`.
   * Default: the built-in roots, and those in the file that `NODE_EXTRA_CA_CERTS` names.
   */
  ca?: string | Buffer | readonly (string | Buffer)[] | null
  /** What `getToken` keeps, and where. Default: 10,000 tokens in this process. */
  cache?: VeltCacheOptions | null
}

/** See docs/caching.md. */
export interface VeltCacheOptions {
  /**
   * How many tokens this process keeps, about 1 kB each; the least recently used goes first.
   * Default: 10000.
   */
  maxEntries?: number | null
  /**
   * Where servers share their tokens, encrypted: the URL of a Redis or Valkey server
   * (`rediss://user:password@host:6379/0`), or a list of URLs, one at the least, for the nodes of a
   * cluster. `ca` applies to it too. While it cannot be reached, Velt is asked. Default: nowhere.
   */
  redis?: string | readonly string[] | null
  /**
   * The URLs of Sentinels. The host in `redis`, then one URL, is the name of the master, as in
   * `redis://:password@mymaster`.
   */
  sentinels?: readonly string[] | null
}

/** What one call may be told. */
export interface VeltCallOptions {
  /** Cancels the call: the request is dropped, and the promise rejects with `signal.reason`. */
  signal?: AbortSignal | null
  /**
   * Replaces the client's `deadline` for this call, in milliseconds. `getToken` may wait for what
   * others have asked too, which has the client's: there it can only be shorter.
   */
  deadline?: number | null
}

/** What one call of `getToken` may be told. */
export interface VeltGetOptions extends VeltCallOptions {
  /**
   * How long the token must still be good for, in milliseconds. When Velt cannot be asked, any
   * token that has not expired is given. Default: 3600000 (an hour).
   */
  minValidity?: number | null
}

/** A token for `client.identify(user, { authToken: token })` in the browser. */
export interface VeltToken {
  token: string
  /**
   * When Velt stops accepting it, in Unix milliseconds: the token's own `exp`, and never more than
   * 48 hours after it was received.
   */
  expiresAt: number
}

/** Counts since the client was made. */
export interface VeltAuthStats {
  /** `getToken` calls answered from this process's cache, without waiting for anything. */
  hits: number
  /** `getToken` calls that began a question, to the shared cache or to Velt. */
  misses: number
  /** `getToken` calls that waited for a question somebody else had begun. */
  joins: number
  /** `getToken` calls given less than `minValidity`, since Velt could not be asked. */
  staleServed: number
  /** Renewals begun in the background. */
  refreshes: number
  /** Questions answered by the shared cache. */
  sharedHits: number
  /** Requests sent to Velt, retries included. */
  upstreamRequests: number
  /** Tokens kept in this process now. */
  entries: number
  /** Calls that failed in the core, by code; codes that did not happen have no entry. */
  failures: { [code in VeltAuthErrorCode]?: number }
}

/** One configuration, one pool of connections, one cache. Make one, and share it. */
export class VeltAuthClient {
  /**
   * @throws {VeltAuthError} `ERR_VELT_CONFIG`, naming the option and what to write instead, or where
   * the system has no thread left.
   */
  constructor(options?: VeltAuthClientOptions)

  /**
   * A token from the cache while it is good for `minValidity`, else a new one. Velt is asked once
   * for all who wait, renewed tokens are fetched in the background, and in an outage of Velt the old
   * ones are given until they expire. A failure is never kept.
   *
   * @param user a {@link VeltUser}, or just the user id
   * @throws {VeltAuthError} Never resolves to anything but a token.
   */
  getToken(user: VeltUser | string, options?: VeltGetOptions): Promise<VeltToken>

  /**
   * Asks Velt for a new token, whatever the cache holds, and keeps it there. Failures that can mend
   * themselves are tried again, within `deadline`.
   *
   * @param user a {@link VeltUser}, or just the user id
   * @throws {VeltAuthError} Never resolves to anything but a token.
   */
  generateToken(user: VeltUser | string, options?: VeltCallOptions): Promise<VeltToken>

  /**
   * Forgets all tokens of a user, whatever their claims, here and on every server that shares the
   * cache (within a second). Browsers keep the tokens that they have.
   *
   * @throws {VeltAuthError} `ERR_VELT_NETWORK` when the shared cache could not be told; this process
   * has forgotten them all the same.
   */
  invalidate(user: { userId: string }): Promise<void>

  /** What this client has done so far. */
  stats(): VeltAuthStats

  /** Ends every call in flight and to come with `ERR_VELT_CLOSED`. */
  close(): void
}

/**
 * Asks Velt for a token: the `generateVeltAuthToken` of Velt's guide, done right. Calls with the
 * same client options share one connection pool.
 *
 * ```js
 * app.get('/generate-velt-jwt-token', requireLogin, async (req, res) => {
 *   res.json(await generateVeltAuthToken({ userId: req.user.id, email: req.user.email }))
 * })
 * ```
 *
 * @param user a {@link VeltUser}, or just the user id
 * @throws {VeltAuthError} Never resolves to anything but a token.
 */
export function generateVeltAuthToken(
  user: VeltUser | string,
  options?: VeltAuthClientOptions & VeltCallOptions,
): Promise<string>
