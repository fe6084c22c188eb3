import type { Request, RequestHandler } from 'express'
import type { TokenHandlerOptions as Options, TokenProblem } from './endpoint.js'

export type TokenHandlerOptions = Options<[req: Request]>
export type { TokenProblem }

/**
 * A token endpoint for Express 4 and 5.
 *
 * ```js
 * app.all('/api/velt/token', veltTokenHandler({
 *   client,
 *   identify: (req) => req.user && { userId: req.user.id },
 * }))
 * ```
 *
 * It answers `{ token, expiresAt }`, or {@link TokenProblem} with 401, 405, 429, 500, 502, 503 or
 * 504, always with `Cache-Control: no-store`.
 *
 * @throws {VeltAuthError} `ERR_VELT_CONFIG` for wrong options, when it is made.
 */
export function veltTokenHandler(options: TokenHandlerOptions): RequestHandler
