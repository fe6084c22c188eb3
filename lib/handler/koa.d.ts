import type { Context } from 'koa'
import type { TokenHandlerOptions as Options, TokenProblem, TokenResponse } from './endpoint.js'

export type TokenHandlerOptions = Options<[ctx: Context]>
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
