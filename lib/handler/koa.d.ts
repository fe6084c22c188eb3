import type { Context } from 'koa'
import type { TokenHandlerOptions as Options, TokenProblem, TokenResponse } from './endpoint.js'
import type { PermissionHandlerOptions } from './permissions.js'

export type TokenHandlerOptions = Options<[ctx: Context]>
export type {
  PermissionAnswer,
  PermissionHandlerOptions,
  PermissionProblem,
  PermissionQuery,
} from './permissions.js'
export type { TokenProblem, TokenResponse }

/**
 * Makes a token endpoint for Koa 3: a middleware that does not call the next one.
 *
 * ```js
 * router.all('/api/velt/token', veltTokenHandler({
 *   client,
 *   identify: (ctx) => ctx.state.user && { userId: ctx.state.user.id },
 * }))
 * ```
 *
 * The endpoint responds with a {@link TokenResponse}, or with a {@link TokenProblem} and status 401, 405,
 * 429, 500, 502, 503 or 504. Every response has `Cache-Control: no-store`.
 *
 * @throws {VeltAuthError} `ERR_VELT_CONFIG` if an option is missing or wrong. `veltTokenHandler` itself
 *   throws this error, so you find a wrong option when the server starts.
 */
export function veltTokenHandler(options: TokenHandlerOptions): (ctx: Context) => Promise<void>

/**
 * Makes the endpoint of Velt's permission provider for Koa 3: Velt asks it whether a user has access
 * to an organization, a folder or a document. It denies by default. {@link https://github.com/velt-auth/velt-auth/blob/main/docs/permissions.md docs/permissions.md} explains it.
 *
 * ```js
 * router.all('/api/velt/permissions', veltPermissionHandler({
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
export function veltPermissionHandler(
  options: PermissionHandlerOptions,
): (ctx: Context) => Promise<void>
