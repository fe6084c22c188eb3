import type { IncomingHttpHeaders } from 'node:http'
import type { ServerOptions } from 'node:https'

/**
 * Starts a stand-in for Velt's token API on this machine: both API versions, credentials really
 * checked, real signed tokens, and faults on demand. It is stricter than Velt may be: a field that
 * it does not know, or of the wrong type, is refused.
 *
 * Rejects with a `TypeError` on a wrong or unknown option, and with what `listen` says (such as
 * `EADDRINUSE`) where the port cannot be had.
 *
 * @example
 * const emulator = await startEmulator()
 * const client = new VeltAuthClient({
 *   baseUrl: emulator.url,
 *   apiKey: emulator.apiKey,
 *   authToken: emulator.authToken,
 * })
 * emulator.fault({ error: { status: 'UNAVAILABLE' }, times: 2 })
 * const { token } = await client.generateToken({ userId: 'ada' })
 * emulator.verify(token).userId // 'ada'
 * emulator.requests.length // 3
 * await emulator.close()
 */
export declare function startEmulator(options?: EmulatorOptions): Promise<Emulator>

export interface EmulatorOptions {
  /** TCP port. Default 0: any free one. */
  port?: number
  /** Address to listen on. Default `'127.0.0.1'`. */
  host?: string
  /** The API key it accepts. Default `'emulator-api-key'`. */
  apiKey?: string
  /**
   * The auth token it accepts, until {@link Emulator.rotateAuthToken}. Default
   * `'emulator-auth-token'`.
   */
  authToken?: string
  /** Serves https with these options (`key`, `cert`, `minVersion`, …). Default: plain http. */
  tls?: ServerOptions
  /**
   * Milliseconds from `iat` to `exp`, in steps of a second. Default 48 hours, as Velt's. With 0 or
   * less, tokens are expired when they arrive.
   */
  tokenLifetime?: number
  /** The clock of the tokens, Unix time in milliseconds. Default `Date.now`. */
  now?: () => number
}

export interface Emulator extends AsyncDisposable {
  /** Without a path: `http://127.0.0.1:PORT`, or `https://localhost:PORT` with TLS. */
  readonly url: string
  readonly apiKey: string
  /** The auth token it accepts now. */
  readonly authToken: string
  /** All requests received in full, oldest first, faulted and refused ones too. */
  readonly requests: readonly RecordedRequest[]
  /** How many TCP connections were accepted since the start. */
  readonly connections: number
  /** From now on only `authToken` is accepted. */
  rotateAuthToken(authToken: string): void
  /**
   * Queues a fault. Each request meets the first one in the queue that {@link Fault.match matches}
   * it. Throws a `TypeError` where a field is unknown or wrong, or fields contradict each other.
   */
  fault(fault: Fault): void
  /** Forgets all faults and empties `requests`. A fault already being played goes on. */
  reset(): void
  /** The claims of a token. Throws if this emulator did not sign it, or if it has expired. */
  verify(token: string): TokenClaims
  /** Stops listening and cuts every connection, whatever state it is in. Can be called again. */
  close(): Promise<void>
}

/**
 * What goes wrong. Answers as usual but for what is given here: `{ delay: 50 }` answers a token
 * late, `{ truncate: true }` half of one, `{ status: 503 }` an empty 503. Bytes are really cut or
 * reset on the TCP connection, under TLS too.
 */
export interface Fault {
  /** How many requests it hits. Default 1; may be `Infinity`. */
  times?: number
  /**
   * Hits only the requests for which this returns true. Called when a request has been received and
   * recorded, before it is answered, so a test can also wait for that here.
   */
  match?: (request: RecordedRequest) => boolean
  /** Milliseconds before anything is sent or reset. Default 0. */
  delay?: number
  /** HTTP status, 200 to 599. Default: that of `error`, or 200. Alone: an empty body. */
  status?: number
  /** An error in Velt's envelope, with `status`, or else the HTTP status that belongs to it. */
  error?: { status: RpcStatus; message?: string; details?: unknown }
  /** `Retry-After`: seconds, a date, or any text as it is. */
  retryAfter?: number | Date | string
  /** Further response headers. */
  headers?: Record<string, string>
  /** A raw body instead of JSON of Velt's. */
  body?: string | Uint8Array
  /** Content type of `body`. Default `'application/json; charset=utf-8'`. */
  contentType?: string
  /** Resets the TCP connection: instead of an answer, or halfway through its body. */
  reset?: 'headers' | 'body'
  /** Never answers, or never gets past half of the body; the connection stays open. */
  stall?: 'headers' | 'body'
  /** Closes the connection in good order after half of the body. */
  truncate?: true
}

export interface RecordedRequest {
  readonly method: string
  /** With the query string, if any. */
  readonly path: string
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders
  readonly rawBody: string
  /** The body parsed; `undefined` if it was not JSON. */
  readonly body: unknown
  /** When it was received in full: Unix time in milliseconds, by `Date.now`. */
  readonly receivedAt: number
  /** The HTTP status answered; `undefined` while there is none, and for an answer cut short. */
  status: number | undefined
  /** Settles when the exchange is over: answered in full, or the connection closed before that. */
  readonly closed: Promise<'answered' | 'aborted'>
}

export interface TokenClaims {
  userId: string
  /** v1 only. */
  organizationId?: string
  email?: string
  /** v2 only. */
  name?: string
  isAdmin?: boolean
  /** v2 only: as they were asked for. */
  permissions?: { resources: Resource[] }
  /** Unix time in seconds. */
  iat: number
  /** Unix time in seconds. */
  exp: number
  /** Different in every token. */
  jti: string
}

export interface Resource {
  type: 'organization' | 'folder' | 'document'
  id: string
  organizationId?: string
  accessRole?: 'viewer' | 'editor'
  /** Unix time in seconds. */
  expiresAt?: number
}

/** The names of `google.rpc.Code`, less `OK`. */
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
