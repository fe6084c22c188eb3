import type { Request, RequestHandler } from 'express'
import type { TokenHandlerOptions as Options, TokenProblem, TokenResponse } from './endpoint.js'
import type { PermissionHandlerOptions } from './permissions.js'

export type TokenHandlerOptions = Options<[req: Request]>
export type {
  PermissionAnswer,
  PermissionHandlerOptions,
  PermissionProblem,
  PermissionQuery,
} from './permissions.js'
export type { TokenProblem, TokenResponse }

/**
 * Makes a token endpoint for Express 4 and 5.
 *
 * ```js
 * app.all('/api/velt/token', veltTokenHandler({
 *   client,
 *   identify: (req) => req.user && { userId: req.user.id },
 * }))
 * ```
 *
 * In TypeScript, declare `req.user`, unless the types of your login middleware (such as
 * `@types/passport`) declare it.
 *
 * The endpoint responds with a {@link TokenResponse}, or with a {@link TokenProblem} and status 401, 405,
 * 429, 500, 502, 503 or 504. Every response has `Cache-Control: no-store`.
 *
 * @throws {VeltAuthError} `ERR_VELT_CONFIG` if an option is missing or wrong. `veltTokenHandler` itself
 *   throws this error, so you find a wrong option when the server starts.
 */
export function veltTokenHandler(options: TokenHandlerOptions): RequestHandler

/**
 * Makes the endpoint of Velt's permission provider for Express 4 and 5: Velt asks it whether a user
 * has access to an organization, a folder or a document. It denies by default. {@link https://github.com/velt-auth/velt-auth/blob/main/docs/permissions.md docs/permissions.md}
 * explains it.
 *
 * ```js
 * app.all('/api/velt/permissions', veltPermissionHandler({
 *   token: process.env.VELT_PERMISSION_TOKEN,
 *   authorize: ({ userId, resource }) => permissions.allows(userId, resource.id),
 * }))
 * ```
 *
 * `permissions` is your own code.
 *
 * The endpoint responds with Velt's format, or with a {@link PermissionProblem} and status 400, 401,
 * 405, 408, 413 or 500. Every response has `Cache-Control: no-store`.
 *
 * @throws {VeltAuthError} `ERR_VELT_CONFIG` if an option is missing or wrong. `veltPermissionHandler`
 *   itself throws this error, so you find a wrong option when the server starts.
 */
export function veltPermissionHandler(options: PermissionHandlerOptions): RequestHandler
