/**
 * The reason why a call failed.
 *
 * | code | what happened | retryable |
 * | --- | --- | --- |
 * | `ERR_VELT_CONFIG` | an option is missing or wrong | no |
 * | `ERR_VELT_INVALID_USER` | a field of the user, of a resource or of a query is missing, wrong or unknown | no |
 * | `ERR_VELT_UNAUTHORIZED` | Velt rejected the API key or the auth token, or the function `authToken` failed | only if `authToken` is a function |
 * | `ERR_VELT_REJECTED` | Velt rejected the request for another reason | no |
 * | `ERR_VELT_RATE_LIMITED` | Velt received too many requests | yes, after `retryAfter` |
 * | `ERR_VELT_UNAVAILABLE` | Velt, or a proxy before Velt, failed (408, or 5xx except 501) | yes |
 * | `ERR_VELT_NETWORK` | no complete response arrived, because DNS, the connection or TLS failed | see `retryable` |
 * | `ERR_VELT_TIMEOUT` | no complete response arrived in time | yes |
 * | `ERR_VELT_BAD_RESPONSE` | the response has neither a result nor an error of Velt | see `retryable` |
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
 * The error class of this package. An error never contains a credential, a token, or a body that Velt
 * sent, so it is safe to log. `instanceof` also works if two copies of the package are installed.
 *
 * Calls reject with a `VeltAuthError` for every failure except one: if you abort a call, it rejects with
 * `signal.reason`.
 */
export class VeltAuthError extends Error {
  private constructor()
  readonly name: 'VeltAuthError'
  /** The reason of the failure. */
  readonly code: VeltAuthErrorCode
  /**
   * Whether the same call may succeed later without any change on your side. The client has already
   * retried within the limits of `maxAttempts` and `deadline`.
   */
  readonly retryable: boolean
  /**
   * The number of requests that this call sent to Velt. It is 0 if the call failed before it sent a
   * request, for example because the circuit breaker was open. It is also 0 if `close()`, or the
   * `deadline` of `getToken`, ended the call during its request.
   */
  readonly attempts: number
  /** The HTTP status of the last response. Absent if there was no response. */
  readonly httpStatus?: number
  /**
   * The status in Velt's error response. It is the name of a `google.rpc.Code`, such as
   * `'INVALID_ARGUMENT'`. Absent if Velt sent none.
   */
  readonly status?: string
  /**
   * How long to wait before the next call, in milliseconds. It comes from a `Retry-After` of Velt or from
   * the open circuit breaker. Absent if neither gave a time.
   */
  readonly retryAfter?: number
  /** The technical cause: an error of the network or the system, or the message from Velt. */
  readonly cause?: Error
}

/** An entry of `permissions.resources`, as in the reference of Velt's v2 API. */
export interface VeltResource {
  /** The type of the resource that the user may access. */
  type: 'organization' | 'folder' | 'document'
  /** Your id of the resource. */
  id: string
  /** The id of the organization that the resource belongs to. Required for folders and documents. */
  organizationId?: string | null | undefined
  /** What the user may do with the resource. Default: Velt uses `'editor'`. */
  accessRole?: 'viewer' | 'editor' | null | undefined
  /**
   * The time when the access ends, as Unix time in **seconds**, since Velt uses seconds here. A value in
   * milliseconds is an error. A time in the past is an error too. Not together with `expiresIn`.
   */
  expiresAt?: number | null | undefined
  /**
   * How long the access lasts, in **seconds**, as for `expiresAt`: 1 to 2592000 (30 days). The client sends
   * its end to Velt as `expiresAt`; the time begins with the request to Velt. `getToken` serves a token
   * from the cache if the duration is the same. So pass `expiresIn: 3600` instead of
   * `expiresAt: now + 3600`, which is another value each second, and needs a new token each second.
   */
  expiresIn?: number | null | undefined
}

/**
 * The user that a token is for. Take every field from your own session or database, never from the
 * request: otherwise a visitor can pretend to be another user.
 *
 * `null` and `undefined` mean that a field is absent. An unknown field, a wrong type or an empty string
 * causes an `ERR_VELT_INVALID_USER`, and no request is sent.
 */
export interface VeltUser {
  /** Your own unique id of the user. */
  userId: string
  /**
   * The id of the user's organization. Velt compares it with the `organizationId` that the browser passes
   * to `identify()`. With `apiVersion: 'v2'`, it is sent as a permission for this organization, unless
   * `permissions` already has an entry for it.
   */
  organizationId?: string | null | undefined
  /** The user's email address. Velt compares it with the `email` that the browser passes to `identify()`. */
  email?: string | null | undefined
  /** The display name. An error with `apiVersion: 'v1'`. */
  name?: string | null | undefined
  /** Whether the user is an admin in Velt. A user cannot become an admin in any other way. */
  isAdmin?: boolean | null | undefined
  /**
   * The resources that the user may access. An error with `apiVersion: 'v1'`. The organization in
   * `organizationId` need not be in the list.
   */
  permissions?: { resources: VeltResource[] } | null | undefined
}

/**
 * Options of a client. `null` and `undefined` mean the default. A wrong value or an unknown option
 * causes an `ERR_VELT_CONFIG`.
 */
export interface VeltAuthClientOptions {
  /** Velt's API key. Required. Default: the environment variable `VELT_API_KEY`. */
  apiKey?: string | null | undefined
  /**
   * The auth token from console.velt.dev. Required. Keep it secret. Default: the environment variable
   * `VELT_AUTH_TOKEN`.
   *
   * To change the auth token without a restart, pass one of these ({@link https://github.com/velt-auth/velt-auth/blob/main/docs/rotation.md docs/rotation.md} explains them):
   *
   * - A list of two: the current auth token and the next one. The one that worked last is used. If Velt
   *   refuses it, the other one is tried once for all calls that wait.
   * - A function, which may be async. It is called at the first need, after a refusal, and again when its
   *   result is an hour old; one call at a time, with a limit of 30 seconds. If it fails, the client keeps
   *   the auth token that it has. Calls that have no auth token reject with `ERR_VELT_UNAUTHORIZED`; then
   *   `retryable` is true, and `cause` is the error of your function.
   */
  authToken?: string | readonly string[] | (() => string | PromiseLike<string>) | null | undefined
  /**
   * Called when Velt has refused an auth token: once for all calls that it was refused to. It is called
   * after the next call of this client has ended. Errors that it throws are printed. Default: none.
   */
  onCredentialRefused?: ((refusal: VeltCredentialRefusal) => unknown) | null | undefined
  /**
   * The version of Velt's token API. `'v2'` is the version in Velt's guide. `'v1'` is the older version,
   * without `name` and `permissions`. Default: `'v2'`.
   */
  apiVersion?: 'v1' | 'v2' | null | undefined
  /**
   * The URL of Velt's API. It must be https, or http on a loopback address (for the emulator). A path in
   * the URL is added before the path of each request. Default: the environment variable `VELT_BASE_URL`,
   * or `https://api.velt.dev`.
   */
  baseUrl?: string | null | undefined
  /** The time limit of one attempt, in milliseconds, from 1. Default: 5000. */
  timeout?: number | null | undefined
  /**
   * The time limit of a call, in milliseconds, from 1. It includes all attempts and the waits between
   * them. Default: 15000.
   */
  deadline?: number | null | undefined
  /** The number of attempts of one call, 1 to 10. 1 means no retries. Default: 3. */
  maxAttempts?: number | null | undefined
  /**
   * The number of connections to Velt that the client may have at the same time, from 1. With HTTP/2, the
   * client uses at most 16 of them, each for up to 100 requests at once; with HTTP/1.1, each connection
   * is for one request at a time. Further requests wait in a queue (first in, first out), within
   * `deadline`. Default: 128.
   */
  maxConnections?: number | null | undefined
  /**
   * Whether the first connection to Velt is opened when the client is created, with a HEAD request to
   * `baseUrl` that contains no credential. It does not keep the process alive. Default: false.
   */
  preconnect?: boolean | null | undefined
  /**
   * The URL of an HTTP or HTTPS proxy, with `user:password@` if the proxy needs a login. Default: the
   * environment variable `https_proxy` or `HTTPS_PROXY`, except for the hosts in `no_proxy` or
   * `NO_PROXY`.
   */
  proxy?: string | null | undefined
  /**
   * CA certificates to trust, in PEM format: a string, a `Uint8Array` (such as a `Buffer`), or an array
   * of these. They replace the default. Default: Mozilla's root certificates, which are built in, and the
   * certificates in the file that the environment variable `NODE_EXTRA_CA_CERTS` names.
   */
  ca?: string | Uint8Array | readonly (string | Uint8Array)[] | null | undefined
  /**
   * The token cache of `getToken`. It cannot be switched off; `generateToken` does not read it. Default:
   * 10,000 tokens in this process, and no shared cache.
   */
  cache?: VeltCacheOptions | null | undefined
}

/** An auth token that Velt has refused. It does not contain the auth token. */
export interface VeltCredentialRefusal {
  /** The index of the auth token in the list `authToken`; 0 if there is no list. */
  index: number
  /** What Velt responded. */
  error: VeltAuthError
}

/** Options of the token cache. {@link https://github.com/velt-auth/velt-auth/blob/main/docs/caching.md docs/caching.md} explains them. */
export interface VeltCacheOptions {
  /**
   * The number of tokens that this process keeps. A token takes about 1.3 kB. When the cache is full, the
   * least recently used token is removed. Default: 10000.
   */
  maxEntries?: number | null | undefined
  /**
   * The URL of a Redis or Valkey server, such as `rediss://user:password@host:6379/0`, or, for a cluster,
   * an array with the URLs of one or more nodes. All servers that use the same Redis share their tokens.
   * The tokens are encrypted. The option `ca` applies to Redis too. While Redis cannot be reached, the
   * client sends requests to Velt instead. Default: no shared cache.
   */
  redis?: string | readonly string[] | null | undefined
  /**
   * The URLs of Redis Sentinels. With this option, `redis` is one URL, and its host is the name of the
   * master, as in `redis://:password@mymaster`. Default: no Sentinels.
   */
  sentinels?: readonly string[] | null | undefined
  /**
   * A random secret of 32 characters or more, the same on all servers, such as the output of
   * `openssl rand -base64 32`. The encryption and the key names in Redis are derived from it, so the
   * servers keep their shared tokens when the auth token changes. Required with `redis` if `authToken` is
   * a list of two or a function. Default: the auth token.
   */
  secret?: string | null | undefined
}

/** Options of one call. `null` and `undefined` mean the default. */
export interface VeltCallOptions {
  /** Aborts the call. The promise then rejects with `signal.reason`. Default: none. */
  signal?: AbortSignal | null | undefined
  /**
   * The time limit of this call, in milliseconds, from 1. For `getToken`, a `deadline` longer than the
   * client's has no effect: calls share a request, and the request has the client's `deadline`. Default:
   * the client's `deadline`.
   */
  deadline?: number | null | undefined
}

/** Options of one `getToken` call. */
export interface VeltGetOptions extends VeltCallOptions {
  /**
   * How long the token must still be valid, in milliseconds, from 0. If Velt fails, or does not respond
   * within a second, the call returns a cached token that has not expired, even if it is valid for less
   * than `minValidity`. If `minValidity` is more than half of a token's lifetime, half of the lifetime is
   * used instead: otherwise tokens with a short lifetime could never be served from the cache. Default:
   * 3600000 (1 hour).
   */
  minValidity?: number | null | undefined
  /**
   * The highest age of the token, in milliseconds, from 0. The age counts from the time when the token
   * was received from Velt. An older token is not returned, not even while Velt fails. Use this option
   * when a token does not work although it has not expired. Default: no limit.
   */
  maxAge?: number | null | undefined
}

/** A token for `client.identify(user, { authToken: token })` in the browser. */
export interface VeltToken {
  /** The JWT from Velt. */
  token: string
  /**
   * The time when the token expires, as Unix time in milliseconds. This is the `exp` of the token, but at
   * most 48 hours after the token was received, and no later than the earliest end of its permissions.
   */
  expiresAt: number
}

/** Counters of a client, since it was created. */
export interface VeltAuthStats {
  /** `getToken` calls that got their token from the cache of this process, without waiting. */
  hits: number
  /** `getToken` calls that started a lookup in the shared cache or a request to Velt, and waited for it. */
  misses: number
  /** `getToken` calls that waited for a lookup or a request that another call had started. */
  joins: number
  /**
   * `getToken` calls that got a token valid for less than `minValidity`, because Velt failed or did not
   * respond within a second.
   */
  staleServed: number
  /** Refreshes that started in the background, before the old token expired. */
  refreshes: number
  /** Lookups that found a token in the shared cache. */
  sharedHits: number
  /**
   * Requests sent to Velt, including retries. A request that is sent again because its connection was
   * closed at the same time counts once.
   */
  upstreamRequests: number
  /**
   * How often Velt refused an auth token. Refusals of the same auth token at the same time count once.
   */
  credentialRefusals: number
  /** Requests to Velt in flight at the moment: they have a connection, or are opening one. */
  upstreamInFlight: number
  /** Requests that wait for a connection to Velt at the moment. */
  upstreamWaiting: number
  /** Tokens in the cache of this process at the moment. */
  entries: number
  /**
   * The state of the circuit breaker. `'open'` becomes `'half-open'` when a call is the probe, after the
   * pause.
   */
  circuitBreaker: 'closed' | 'open' | 'half-open'
  /**
   * Failed calls, by code. Codes with no failures are absent. Errors that JavaScript finds before the
   * call starts, such as a field of the wrong type, are not counted.
   */
  failures: { [code in VeltAuthErrorCode]?: number }
}

/** A resource whose permission `client.permissions.remove` removes. */
export type VeltResourceId = Pick<VeltResource, 'type' | 'id' | 'organizationId'>

/** Whose permissions `client.permissions.get` returns. `null` and `undefined` mean that a field is absent. */
export interface VeltPermissionsQuery {
  /** The organization of the folders and documents. */
  organizationId: string
  /** The ids of one or more users. */
  userIds: readonly string[]
  /** The ids of folders. Default: none. */
  folderIds?: readonly string[] | null | undefined
  /** The ids of documents. Default: none. */
  documentIds?: readonly string[] | null | undefined
}

/** The permissions of users, by user id, as Velt's reference of `POST /v2/auth/permissions/get` has them. */
export interface VeltPermissions {
  [userId: string]: VeltUserPermissions
}

/** The permissions of one user, by the ids of the resources. */
export interface VeltUserPermissions {
  organization?: { [organizationId: string]: VeltPermission }
  folders?: { [folderId: string]: VeltPermission }
  documents?: { [documentId: string]: VeltPermission }
  /** With Velt's access context: the values that the user has access to, as `'field:value'`. */
  context?: { accessFields?: string[] }
}

/** What a user may do with a resource, or why Velt does not give access. */
export interface VeltPermission {
  /** The role. Absent without access. */
  accessRole?: 'viewer' | 'editor'
  /** The access type of the resource. */
  accessType?: 'public' | 'restricted' | 'organizationPrivate'
  /** The time when temporary access ends, as Unix time in **seconds**, as Velt sends it. */
  expiresAt?: number
  /** Velt's text about a missing access. */
  error?: string
  /** Why there is no access. Other values are possible. */
  errorCode?: 'does_not_exist' | 'permission_denied' | 'something_went_wrong' | (string & {})
}

/**
 * The permissions that Velt stores for users, outside of tokens. The calls have the same retries,
 * deadlines, circuit breaker, limit of connections and errors as the calls for tokens. They use version 2
 * of Velt's API, whatever `apiVersion` is.
 */
export interface VeltPermissionsClient {
  /**
   * Adds permissions to a user, and then invalidates the user's tokens, as
   * {@link VeltAuthClient.invalidate} does. If Velt's outcome is unknown, such as after a timeout, the
   * tokens are invalidated too. An aborted call may still add the permissions.
   *
   * ```js
   * await client.permissions.add('ada', [
   *   { type: 'document', id: 'plan', organizationId: 'acme', accessRole: 'viewer', expiresIn: 3600 },
   * ])
   * ```
   *
   * @param user the user id, as a string or as `{ userId }`
   * @param resources one or more resources, with their role and end
   * @throws {VeltAuthError} `ERR_VELT_NETWORK` with a message about the shared cache if Velt has added the
   *   permissions, but the shared cache could not be reached: other servers may still serve tokens of the
   *   user, so call `invalidate`.
   */
  add(
    user: { userId: string } | string,
    resources: readonly VeltResource[],
    options?: VeltCallOptions,
  ): Promise<void>

  /**
   * Removes permissions from a user, and then invalidates the user's tokens. See `add`. A token that a
   * browser already has works until it expires.
   *
   * @param user the user id, as a string or as `{ userId }`
   * @param resources one or more resources, without role and end
   * @throws {VeltAuthError} as `add`
   */
  remove(
    user: { userId: string } | string,
    resources: readonly VeltResourceId[],
    options?: VeltCallOptions,
  ): Promise<void>

  /**
   * Returns the permissions of users. A resource without access has an `errorCode`: this is no error of
   * the call, not even if the resource does not exist.
   *
   * ```js
   * const permissions = await client.permissions.get({
   *   organizationId: 'acme',
   *   userIds: ['ada'],
   *   documentIds: ['plan'],
   * })
   * console.log(permissions.ada?.documents?.plan?.accessRole) // 'viewer'
   * ```
   *
   * @throws {VeltAuthError} The promise rejects if Velt sent no permissions.
   */
  get(query: VeltPermissionsQuery, options?: VeltCallOptions): Promise<VeltPermissions>
}

/**
 * A client of Velt's token API. It has its own connection pool and its own token cache. Make one for each
 * process, and use it for all requests.
 */
export class VeltAuthClient {
  /**
   * @throws {VeltAuthError} `ERR_VELT_CONFIG` if an option is missing or wrong, or if the system allows
   *   no more threads or open files. The message names the option and says what to do.
   */
  constructor(options?: VeltAuthClientOptions)

  /**
   * Returns a token from the cache if it is valid for `minValidity`, otherwise a new one from Velt.
   *
   * Concurrent calls for the same user share one request. The client refreshes tokens in the background
   * before they expire. While Velt fails, it returns cached tokens until they expire. It never caches a
   * failure.
   *
   * @param user a {@link VeltUser}, or the user id as a string
   * @throws {VeltAuthError} The promise rejects if no token could be obtained. It never resolves without
   *   a token.
   */
  getToken(user: VeltUser | string, options?: VeltGetOptions): Promise<VeltToken>

  /**
   * Requests a new token from Velt, even if the cache has a token, and stores the new token in the
   * cache. Transient failures are retried within `maxAttempts` and `deadline`. While the circuit breaker
   * is open, the call rejects immediately and sends no request. After a 429 with `Retry-After`, calls
   * also reject immediately until the time in `Retry-After` is over.
   *
   * @param user a {@link VeltUser}, or the user id as a string
   * @throws {VeltAuthError} The promise rejects if no token could be obtained. It never resolves without
   *   a token.
   */
  generateToken(user: VeltUser | string, options?: VeltCallOptions): Promise<VeltToken>

  /**
   * Removes all cached tokens of a user: in this process immediately, and within a second on every server
   * that uses the same shared cache. Tokens in browsers are not revoked: a browser can use its token
   * until the token expires.
   *
   * @throws {VeltAuthError} `ERR_VELT_NETWORK` if the shared cache could not be reached. The tokens in
   *   this process are removed even then. Other servers may still serve tokens of the user, so call
   *   `invalidate` again.
   */
  invalidate(user: { userId: string }): Promise<void>

  /** The permissions that Velt stores for users: `add`, `remove` and `get`. */
  readonly permissions: VeltPermissionsClient

  /** Returns the counters of this client. */
  stats(): VeltAuthStats

  /** Closes the client. All pending and later calls reject with `ERR_VELT_CLOSED`. */
  close(): void
}

/**
 * Requests a new token from Velt. This function replaces the function `generateVeltAuthToken` in Velt's
 * guide. Calls with the same client options share one connection pool.
 *
 * ```js
 * app.get('/generate-velt-jwt-token', async (req, res, next) => {
 *   try {
 *     if (!req.user) {
 *       res.sendStatus(401)
 *       return
 *     }
 *     const token = await generateVeltAuthToken({ userId: req.user.id, email: req.user.email })
 *     res.set('Cache-Control', 'no-store').json(token)
 *   } catch (error) {
 *     next(error) // Express 4 does not catch a rejection: the rejection would end the process.
 *   }
 * })
 * ```
 *
 * @param user a {@link VeltUser}, or the user id as a string
 * @returns the token
 * @throws {VeltAuthError} The promise rejects if no token could be obtained. It never resolves without a
 *   token.
 */
export function generateVeltAuthToken(
  user: VeltUser | string,
  options?: VeltAuthClientOptions & VeltCallOptions,
): Promise<string>

/**
 * A call of `getToken`, `generateToken` or `permissions`, in the tracing channel `velt-auth:token`. All
 * events of a call have the same object. {@link https://github.com/velt-auth/velt-auth/blob/main/docs/observability.md docs/observability.md} describes the channels.
 */
export interface VeltTokenMessage {
  /** The method that was called. */
  method:
    | 'getToken'
    | 'generateToken'
    | 'permissions.add'
    | 'permissions.remove'
    | 'permissions.get'
  /** The Unix time when the call started, in milliseconds. */
  startTime: number
  /** The time until the call ended, in milliseconds with fractions. It is set before `asyncEnd`. */
  duration?: number
  /**
   * How `getToken` got its token. It is set before `asyncEnd`. Absent for other methods, and if the call
   * failed before it looked in the cache.
   *
   * - `'hit'`: from the cache of this process, without waiting.
   * - `'stale'`: a token valid for less than `minValidity`, because Velt failed or did not respond within a
   *   second.
   * - `'miss'`: from Velt. Also if the request failed.
   * - `'joined'`: from a request that another call, or a refresh, had started. Also if the request failed.
   * - `'shared'`: from the shared cache.
   */
  cache?: 'hit' | 'stale' | 'miss' | 'joined' | 'shared'
  /** The message of the call that started the request, if this call joined a request of another call. */
  joined?: VeltTokenMessage | undefined
  /**
   * A subscriber of `start` can set it: the header `traceparent` (W3C Trace Context, version `00`) of the
   * requests that this call starts. Other formats are ignored. Default: no header.
   */
  traceparent?: string | undefined
  /** Why the call failed: a {@link VeltAuthError}, or the reason of your `AbortSignal`. */
  error?: unknown
}

/** An attempt: one HTTP request to Velt, in the channel `velt-auth:request`. It is published after its end. */
export interface VeltRequestMessage {
  /** The message of the call that started the request. Absent for a refresh. */
  call?: VeltTokenMessage
  /** The message of the refresh that started the request. Absent for a call. */
  refresh?: VeltRefreshMessage
  /** The HTTP method. */
  method: 'POST'
  /** The URL. It holds no secret. Absent if nothing was sent. */
  url?: string
  /** The host name or the IP address in the URL. */
  serverAddress?: string
  /** The TCP port of the URL. */
  serverPort?: number
  /** The version of HTTP. Absent if no response arrived. */
  protocolVersion?: string
  /** 0 for the first attempt, 1 for the first retry, and so on. */
  resendCount: number
  /** The Unix time when the attempt started, in milliseconds with fractions. */
  startTime: number
  /** The time until the response was complete or the attempt failed, in milliseconds with fractions. */
  duration: number
  /**
   * How the attempt ended. `'cancelled'`: the call was aborted, its deadline passed, or the client was
   * closed.
   */
  outcome: 'succeeded' | 'failed' | 'cancelled'
  /** The HTTP status. Absent if no response arrived. */
  status?: number
  /** The kind of failure. Absent if the attempt did not fail. */
  code?: VeltAuthErrorCode
  /** The time in Velt's `Retry-After`, in milliseconds. Absent if Velt sent none. */
  retryAfter?: number
  /** How long each part took, in milliseconds with fractions. */
  timings: VeltRequestTimings
}

/** The parts of an attempt, in milliseconds with fractions. */
export interface VeltRequestTimings {
  /** The wait for a free connection, before `startTime`. See `maxConnections`. */
  queue: number
  /**
   * The wait for the DNS lookup. Part of `connect`. Absent if no name was looked up. Connections that are
   * opened at the same time share a lookup.
   */
  dns?: number
  /**
   * The time to open a connection: DNS, TCP, the tunnel of a proxy, and TLS. Part of `firstByte`. Absent if
   * the attempt used an open connection.
   */
  connect?: number
  /** The time from `startTime` until the headers of the response arrived. Absent if none arrived. */
  firstByte?: number
  /** The time from the headers to the end of the body. Absent if no headers arrived. */
  body?: number
}

/** A change in a cache, in the circuit breaker or of the auth token, in the channel `velt-auth:cache`. Times
 * are Unix times in milliseconds; durations are in milliseconds. */
export type VeltCacheMessage =
  | VeltRefreshMessage
  | VeltInvalidationMessage
  | VeltStateMessage
  | VeltRemoteMessage
  | VeltCredentialRefusedMessage

/** A refresh in the background that has ended. */
export interface VeltRefreshMessage {
  type: 'refresh'
  startTime: number
  duration: number
  /** Where the refresh looked last: in the shared cache if it found a token there, else at Velt. */
  source: 'velt' | 'shared-cache'
  /** Why the refresh failed. Absent if it did not fail. */
  code?: VeltAuthErrorCode
}

/** A call of `invalidate` that has ended. */
export interface VeltInvalidationMessage {
  type: 'invalidation'
  startTime: number
  duration: number
  /** Why the call failed. Absent if it did not fail. */
  code?: VeltAuthErrorCode
}

/** A new state of the circuit breaker, or of the connection to the shared cache. */
export type VeltStateMessage =
  | { type: 'circuit-breaker'; state: 'closed' | 'open' | 'half-open'; time: number }
  | { type: 'shared-cache'; state: 'reachable' | 'unreachable'; time: number }

/**
 * `remote-invalidation`: other servers have invalidated this number of users. `cleared`: all tokens of this
 * process were removed, because invalidations by other servers may be missing. `records-dropped`: this
 * number of messages was lost, because too many waited.
 */
export type VeltRemoteMessage =
  | { type: 'remote-invalidation'; users: number; time: number }
  | { type: 'cleared'; time: number }
  | { type: 'records-dropped'; count: number; time: number }

/**
 * Velt has refused an auth token: one message for all calls that it was refused to. It does not contain the
 * auth token. `index` is its place in the list; 0 if there is no list.
 */
export interface VeltCredentialRefusedMessage {
  type: 'credential-refused'
  index: number
  time: number
}
