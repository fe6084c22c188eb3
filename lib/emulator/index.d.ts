import type { IncomingHttpHeaders } from 'node:http'
import type { ServerOptions } from 'node:https'

/**
 * Starts an emulator of Velt's API for tokens and permissions on this machine. It supports both API
 * versions, checks the credentials, makes signed tokens, stores permissions, asks a permission provider,
 * and simulates faults on demand. It rejects unknown fields and fields
 * of the wrong type; Velt may accept them.
 *
 * The promise rejects with a `TypeError` if an option is unknown or wrong, and with the error of Node's
 * `server.listen` (such as `EADDRINUSE`) if the port is not available.
 *
 * @example
 * ```js
 * import { VeltAuthClient } from 'velt-auth'
 * import { startEmulator } from 'velt-auth/emulator'
 *
 * const emulator = await startEmulator()
 * const client = new VeltAuthClient({
 *   baseUrl: emulator.url,
 *   apiKey: emulator.apiKey,
 *   authToken: emulator.authToken,
 * })
 * emulator.fault({ error: { status: 'UNAVAILABLE' }, times: 2 })
 * const { token } = await client.generateToken({ userId: 'ada' })
 * console.log(emulator.verify(token).userId) // 'ada'
 * console.log(emulator.requests.length) // 3: two failed, and the third succeeded
 * await emulator.close()
 * ```
 */
export declare function startEmulator(options?: EmulatorOptions): Promise<Emulator>

/** Options of {@link startEmulator}. `undefined` means the default. */
export interface EmulatorOptions {
  /** The TCP port. Default: 0, which means any free port. */
  port?: number | undefined
  /** The address to listen on. Default: `'127.0.0.1'`. */
  host?: string | undefined
  /** The API key that the emulator accepts. Default: `'emulator-api-key'`. */
  apiKey?: string | undefined
  /**
   * The auth token that the emulator accepts, or several of them, as Velt's console can hold several for
   * one API key. {@link Emulator.resetAuthToken} and {@link Emulator.rotateAuthToken} change them.
   * Default: `'emulator-auth-token'`.
   */
  authToken?: string | readonly string[] | undefined
  /** Serves https with these options (`key`, `cert`, `minVersion`, …). Default: plain http. */
  tls?: ServerOptions | undefined
  /**
   * The time from `iat` to `exp` of a token, in milliseconds, rounded down to seconds. With 0 or less,
   * tokens have already expired when they arrive. Default: 48 hours, like Velt's tokens.
   */
  tokenLifetime?: number | undefined
  /** Returns the time for `iat` and `exp`, as Unix time in milliseconds. Default: `Date.now`. */
  now?: (() => number) | undefined
  /**
   * Called with each request when it has been received and recorded, before the response. `closed` of the
   * request tells when the response is complete. Use it to log requests.
   */
  onRequest?: ((request: RecordedRequest) => void) | undefined
  /**
   * The toggle *Require JWT Token* of Velt's console, as `/v2/workspace/apikeyconfig/get` returns it. It
   * changes nothing else: the emulator makes tokens in both cases. Default: true.
   */
  requireJwtToken?: boolean | undefined
  /**
   * The domains that `/v2/workspace/domains/get` returns. Default: `['localhost', '127.0.0.1']`.
   */
  allowedDomains?: readonly string[] | undefined
  /**
   * The permission provider that `/v2/workspace/permissionproviderconfig/get` returns: the URL of the
   * endpoint, and its bearer token. Default: no permission provider.
   */
  permissionProvider?: { url: string; token?: string | undefined } | undefined
}

/** A running emulator. */
export interface Emulator extends AsyncDisposable {
  /** The `baseUrl` for a client: `http://127.0.0.1:PORT`, or `https://localhost:PORT` with TLS. */
  readonly url: string
  /** The API key that the emulator accepts. */
  readonly apiKey: string
  /** The auth token that the emulator accepts at the moment. With several, the first one. */
  readonly authToken: string
  /** All auth tokens that the emulator accepts at the moment. */
  readonly authTokens: readonly string[]
  /**
   * All requests that were received completely, oldest first. This includes rejected requests and
   * requests with a fault.
   */
  readonly requests: readonly RecordedRequest[]
  /** The number of TCP connections since the start. */
  readonly connections: number
  /** Replaces all auth tokens with this one. The emulator rejects the previous ones from now on. */
  rotateAuthToken(authToken: string): void
  /**
   * Replaces one auth token with a new random one, as *Reset* in Velt's console does. The emulator
   * rejects the previous one from now on.
   *
   * @param authToken The auth token to replace. Default: {@link Emulator.authToken}.
   * @returns The new auth token.
   * @throws {TypeError} if the emulator does not accept `authToken`.
   */
  resetAuthToken(authToken?: string): string
  /**
   * Asks a permission provider, as Velt's servers do: sends the queries in one POST request, and checks
   * that the answer has the format of Velt's reference. `veltPermissionHandler` makes such an endpoint.
   *
   * ```ts
   * const emulator = await startEmulator()
   * const resource = {
   *   id: 'plan',
   *   type: 'document',
   *   source: 'setDocuments',
   *   organizationId: 'acme',
   * } as const
   * const [result] = await emulator.askPermission(
   *   'http://localhost:3000/api/velt/permissions',
   *   [{ userId: 'ada', resource }],
   *   { token: 'secret' },
   * )
   * console.log(result?.hasAccess)
   * ```
   *
   * The emulator keeps the answers with the type `context`: `/v2/auth/permissions/get` returns the allowed
   * values in `context.accessFields`, until they end. The other answers change no permission.
   *
   * @param options `token` is the bearer token. Without it, the request has no `Authorization` header.
   * @returns One result for each query, in the order of the queries.
   * @throws {Error} with `status` (the HTTP status of the answer), if the status is not 200 or the format
   *   is wrong. The error of `fetch`, if there is no answer within 60 seconds.
   */
  askPermission(
    url: string,
    queries: readonly PermissionQuery[],
    options?: { token?: string | undefined },
  ): Promise<PermissionResult[]>
  /**
   * Queues a fault. Each request uses the first fault in the queue that applies to it (see
   * {@link Fault.match}).
   *
   * @throws {TypeError} if a field is unknown or wrong, or if two fields exclude each other.
   */
  fault(fault: Fault): void
  /**
   * Removes all faults and all permissions, and empties `requests`. A request that already has a fault
   * keeps it. The auth tokens do not change. Your clients keep their cache and the state of their circuit breaker.
   */
  reset(): void
  /**
   * Returns the claims of a token.
   *
   * @throws {Error} if this emulator did not sign the token, or if the token has expired.
   * @throws {TypeError} if `token` is not a string.
   */
  verify(token: string): TokenClaims
  /** Stops listening and closes all connections immediately. A second call has no effect. */
  close(): Promise<void>
}

/**
 * A change to the normal response. The fault changes only the parts that it names: `{ delay: 50 }` sends
 * a token late, `{ truncate: true }` sends half of a token response. A `status` alone sends an empty
 * body. The emulator cuts or resets the real TCP connection, also under TLS.
 */
export interface Fault {
  /** The number of requests that the fault applies to; may be `Infinity`. Default: 1. */
  times?: number | undefined
  /**
   * Returns whether the fault applies to a request. The emulator calls it when the request has been
   * received and recorded, before it responds. So a test can also use `match` to wait for a request.
   * Default: the fault applies to every request.
   */
  match?: ((request: RecordedRequest) => boolean) | undefined
  /** The time before the response or the reset, in milliseconds. Default: 0. */
  delay?: number | undefined
  /**
   * The HTTP status, 200 to 599. Without `error` and `body`, the body is empty. Default: the status that
   * belongs to `error`, or 200.
   */
  status?: number | undefined
  /**
   * An error response in Velt's format. `status` is the name of a `google.rpc.Code`; it also decides the
   * HTTP status, unless the fault has its own `status`.
   */
  error?: { status: RpcStatus; message?: string; details?: unknown } | undefined
  /** The `Retry-After` header: seconds, a date, or a string that is sent unchanged. */
  retryAfter?: number | Date | string | undefined
  /** Additional response headers. */
  headers?: Record<string, string> | undefined
  /** A raw body instead of Velt's JSON. */
  body?: string | Uint8Array | undefined
  /** The content type of `body`. Default: `'application/json; charset=utf-8'`. */
  contentType?: string | undefined
  /** Resets the TCP connection: before the response, or after half of its body. */
  reset?: 'headers' | 'body' | undefined
  /** Stops sending: before the response, or after half of its body. The connection stays open. */
  stall?: 'headers' | 'body' | undefined
  /** Closes the connection normally after half of the body. */
  truncate?: true | undefined
}

/** A request that the emulator received. */
export interface RecordedRequest {
  readonly method: string
  /** The path with the query string. */
  readonly path: string
  /** The names are in lower case. */
  readonly headers: IncomingHttpHeaders
  /** The body as a string. */
  readonly rawBody: string
  /** The body, parsed as JSON; `undefined` if it is not JSON. */
  readonly body: unknown
  /**
   * Only for `/v2/auth/generate_token`: whether the request has `permissions`. Velt's reference marks the
   * field as required, and the sample in Velt's guide leaves it out if there is no organization. The
   * emulator accepts both.
   */
  readonly permissions: 'present' | 'absent' | undefined
  /** The time when the last byte arrived, as Unix time in milliseconds. It comes from `Date.now`. */
  readonly receivedAt: number
  /**
   * The HTTP status of the response. It is `undefined` before the response, and stays `undefined` if the
   * emulator does not send a complete response.
   */
  status: number | undefined
  /**
   * Resolves to `'answered'` when the complete response was sent, or to `'aborted'` when the connection
   * was closed before that.
   */
  readonly closed: Promise<'answered' | 'aborted'>
}

/** The content of a token. */
export interface TokenClaims {
  userId: string
  /** Only with v1. */
  organizationId?: string
  email?: string
  /** Only with v2. */
  name?: string
  isAdmin?: boolean
  /** Only with v2. The value is the same as in the request. */
  permissions?: { resources: Resource[] }
  /** The time when the token was made, as Unix time in seconds. */
  iat: number
  /** The time when the token expires, as Unix time in seconds. */
  exp: number
  /** A unique id of the token. */
  jti: string
}

/** An entry of `permissions.resources` in a token, and in a request that adds permissions. */
export interface Resource {
  type: 'organization' | 'folder' | 'document'
  id: string
  organizationId?: string
  accessRole?: 'viewer' | 'editor'
  /** The time when the access ends, as Unix time in seconds. */
  expiresAt?: number
}

/** A question to a permission provider: may this user use this resource? */
export interface PermissionQuery {
  userId: string
  resource: {
    id: string
    type: 'organization' | 'folder' | 'document' | 'context'
    /** The call of Velt's SDK that caused the question, such as `'identify'` or `'setDocuments'`. */
    source: string
    organizationId: string
    /** Only on a document in a folder. */
    parentFolderId?: string
    /** Only with the type `context`. */
    context?: { access: Record<string, string | number> }
  }
}

/** The answer of a permission provider to one {@link PermissionQuery}. */
export interface PermissionResult {
  userId: string
  resourceId: string
  type: PermissionQuery['resource']['type']
  organizationId: string
  hasAccess: boolean
  /** Only with access. */
  accessRole?: 'viewer' | 'editor'
  /** The time when the access ends, as Unix time in **milliseconds**. Only with access. */
  expiresAt?: number
}

/** The names of `google.rpc.Code`, without `OK`. */
export type RpcStatus =
  | 'CANCELLED'
  | 'UNKNOWN'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'OUT_OF_RANGE'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DATA_LOSS'
  | 'UNAUTHENTICATED'
