import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TokenHandlerOptions as Options, TokenProblem, TokenResponse } from './endpoint.js'
import type { PermissionHandlerOptions } from './permissions.js'

export type TokenHandlerOptions = Options<[req: IncomingMessage]>
export type {
  PermissionAnswer,
  PermissionHandlerOptions,
  PermissionProblem,
  PermissionQuery,
} from './permissions.js'
export type { TokenProblem, TokenResponse }

/**
 * Makes a token endpoint for `node:http`, and for frameworks that pass Node's own requests and responses.
 *
 * ```js
 * import { createServer } from 'node:http'
 * import { veltTokenHandler } from 'velt-auth/node'
 *
 * const handle = veltTokenHandler({ client, identify: (req) => userOf(req.headers.cookie) })
 * createServer((req, res) => (req.url === '/api/velt/token' ? handle(req, res) : site(req, res)))
 * ```
 *
 * `userOf` and `site` are your own functions: `userOf` returns the user of a session cookie, and `site`
 * handles all other requests.
 *
 * The endpoint responds with a {@link TokenResponse}, or with a {@link TokenProblem} and status 401, 405,
 * 429, 500, 502, 503 or 504. Every response has `Cache-Control: no-store`. The promise never rejects.
 *
 * @throws {VeltAuthError} `ERR_VELT_CONFIG` if an option is missing or wrong. `veltTokenHandler` itself
 *   throws this error, so you find a wrong option when the server starts.
 */
export function veltTokenHandler(
  options: TokenHandlerOptions,
): (req: IncomingMessage, res: ServerResponse) => Promise<void>

/**
 * Makes the endpoint of Velt's permission provider for `node:http`: Velt asks it whether a user has
 * access to an organization, a folder or a document. It denies by default. {@link https://github.com/velt-auth/velt-auth/blob/main/docs/permissions.md docs/permissions.md}
 * explains it.
 *
 * ```js
 * import { createServer } from 'node:http'
 * import { veltPermissionHandler } from 'velt-auth/node'
 *
 * const handle = veltPermissionHandler({
 *   token: process.env.VELT_PERMISSION_TOKEN,
 *   authorize: ({ userId, resource }) => permissions.allows(userId, resource.id),
 * })
 * createServer((req, res) => (req.url === '/api/velt/permissions' ? handle(req, res) : site(req, res)))
 * ```
 *
 * `permissions` and `site` are your own code.
 *
 * The endpoint responds with Velt's format, or with a {@link PermissionProblem} and status 400, 401,
 * 405, 408, 413 or 500. Every response has `Cache-Control: no-store`. The promise never rejects.
 *
 * @throws {VeltAuthError} `ERR_VELT_CONFIG` if an option is missing or wrong. `veltPermissionHandler`
 *   itself throws this error, so you find a wrong option when the server starts.
 */
export function veltPermissionHandler(
  options: PermissionHandlerOptions,
): (req: IncomingMessage, res: ServerResponse) => Promise<void>
