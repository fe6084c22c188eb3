import type { Context } from 'koa'
import type { TokenHandlerOptions as Options, TokenProblem } from './endpoint.js'

export type TokenHandlerOptions = Options<[ctx: Context]>
export type { TokenProblem }

/**
 * A token endpoint for Koa 3, as middleware that ends the chain.
 *
 * ```js
 * router.all('/api/velt/token', veltTokenHandler({
 *   client,
 *   identify: (ctx) => ctx.state.user && { userId: ctx.state.user.id },
 * }))
 * ```
 *
 * It answers `{ token, expiresAt }`, or {@link TokenProblem} with 401, 405, 429, 500, 502, 503 or
 * 504, always with `Cache-Control: no-store`.
 *
 * @throws {VeltAuthError} `ERR_VELT_CONFIG` for wrong options, when it is made.
 */
export function veltTokenHandler(options: TokenHandlerOptions): (ctx: Context) => Promise<void>
