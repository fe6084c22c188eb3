import type { CorsOptions } from './endpoint.js'

/**
 * Options of `veltPermissionHandler`.
 *
 * Velt calls this part "real-time permission provider":
 * https://docs.velt.dev/key-concepts/overview#c-real-time-permission-provider
 */
export interface PermissionHandlerOptions {
  /**
   * Decides about one query: may this user use this resource? It may be async. A request of Velt can have
   * many queries; `authorize` is called once for each, for several at the same time.
   *
   * Access is denied if `authorize` throws, answers too late, or returns anything else than a boolean or a
   * {@link PermissionAnswer}. This affects only that query, and `onError` gets the error.
   *
   * `authorize` gets nothing of the HTTP request except the query, and only after the bearer token was
   * checked.
   */
  authorize: (
    query: PermissionQuery,
  ) => boolean | PermissionAnswer | Promise<boolean | PermissionAnswer>
  /**
   * The auth token of the permission provider, as set in Velt's console: the bearer token that Velt sends.
   * While you rotate it, pass both: `[current, next]`. Requests with another token, or without one, get a
   * 401. Required, unless `allowUnauthenticated` is true.
   */
  token?: string | readonly string[] | undefined
  /**
   * `true` accepts requests without a bearer token: then everybody who can reach the endpoint can ask who
   * has access. It is for development (Velt's `dev: true`), and cannot be combined with `token`. Default:
   * `false`.
   */
  allowUnauthenticated?: boolean | undefined
  /**
   * The time limit in milliseconds for each query, counted from when its request arrived. The time for
   * reading the body and for waiting for other queries (see `maxConcurrency`) is part of it. So the
   * response is sent within this time. Default: 5000.
   */
  timeout?: number | undefined
  /** How many queries of a request `authorize` gets at the same time. Default: 32. */
  maxConcurrency?: number | undefined
  /**
   * Lets pages on other origins use the endpoint. Velt's development mode (`setPermissionProvider` with
   * `dev: true`) needs this: there the browser sends the queries. Mount the handler for all methods.
   * Default: no CORS headers.
   */
  cors?: CorsOptions | undefined
  /**
   * Called for each query that is denied because of an error, and for each 500 response:
   *
   * | error | reason |
   * | --- | --- |
   * | the error that `authorize` threw | |
   * | `VeltAuthError` with `ERR_VELT_TIMEOUT` | `authorize` did not answer in time |
   * | `VeltAuthError` with `ERR_VELT_CONFIG` | `authorize` returned a wrong answer |
   * | `TypeError` | the query has an unknown type, or lacks a field |
   * | `Error` | 500: another middleware has read the body, and did not keep it |
   *
   * `query` is `undefined` for the last two. `onError` is not called for the responses 4xx, nor if Velt has
   * closed the connection. If `onError` throws, both errors are logged with `console.error`. Default:
   * `console.error`.
   */
  onError?: ((error: unknown, query: PermissionQuery | undefined) => void) | undefined
}

/** What a user may do. */
export interface PermissionAnswer {
  hasAccess: boolean
  /** Default: Velt's own default, which is `'editor'`. Only used if `hasAccess` is true. */
  accessRole?: 'viewer' | 'editor' | null | undefined
  /**
   * How long the answer is valid, in **seconds** from now, at least 1. Velt asks again after that time.
   * The endpoint computes `expiresAt` from it. Default: Velt decides when it asks again. Only used if
   * `hasAccess` is true.
   */
  expiresIn?: number | null | undefined
  /** An error: the answer has a duration, `expiresIn`. So the units cannot be confused. */
  expiresAt?: never
}

/** A question of Velt: may this user use this resource? */
export interface PermissionQuery {
  userId: string
  resource: PermissionResource
}

/**
 * The resource of a {@link PermissionQuery}. Check `resource.type` before you read `parentFolderId` or
 * `context`.
 */
export type PermissionResource =
  | (ResourceFields & { type: 'organization' | 'folder' })
  | (ResourceFields & {
      type: 'document'
      /** The folder of the document. Missing if the document is not in a folder. */
      parentFolderId?: string
    })
  | (ResourceFields & {
      type: 'context'
      /** One value of the access context, such as `{ access: { entityId: 'numberOfVisitors' } }`. */
      context: { access: Record<string, string | number> }
    })

interface ResourceFields {
  id: string
  organizationId: string
  /** The call of Velt's SDK that caused the query. Velt may add other values. */
  source: PermissionSource
}

/** The values that Velt's reference names, and any other string. */
export type PermissionSource =
  | 'identify'
  | 'setDocuments'
  | 'getNotifications'
  | 'setNotifications'
  | 'revokeAccessOnUserLogout'
  | 'revokeAccessOnDocumentUnset'
  | (string & {})

/** The JSON body of every response that is not 200. */
export interface PermissionProblem {
  error: {
    /**
     * | code | status | reason |
     * | --- | --- | --- |
     * | `invalid_request` | 400 | the body is not JSON, or not Velt's envelope |
     * | `unauthenticated` | 401 | the bearer token is missing or wrong |
     * | `method_not_allowed` | 405 | the HTTP method is not POST |
     * | `request_timeout` | 408 | the body did not arrive within `timeout` |
     * | `request_too_large` | 413 | the body has more than 1 MiB or more than 1,000 queries |
     * | `server_error` | 500 | another middleware has read the body, and did not keep it |
     */
    code:
      | 'invalid_request'
      | 'unauthenticated'
      | 'method_not_allowed'
      | 'request_timeout'
      | 'request_too_large'
      | 'server_error'
    /** A sentence for developers. It contains no confidential details. */
    message: string
    /** Whether the same request may succeed later. */
    retryable: boolean
  }
}
