import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { TokenHandlerOptions as Options, TokenProblem } from './endpoint.js'

export type TokenHandlerOptions = Options<[request: FastifyRequest]>
export type { TokenProblem }

/**
 * A token endpoint for Fastify 5, as a plugin: its path is the `prefix` that it is registered with.
 *
 * ```js
 * app.register(veltTokenHandler({
 *   client,
 *   identify: (request) => request.user && { userId: request.user.id },
 * }), { prefix: '/api/velt/token' })
 * ```
 *
 * It answers `{ token, expiresAt }`, or {@link TokenProblem} with 401, 405, 429, 500, 502, 503 or
 * 504, always with `Cache-Control: no-store`.
 *
 * @throws {VeltAuthError} `ERR_VELT_CONFIG` for wrong options, when it is made.
 */
export function veltTokenHandler(options: TokenHandlerOptions): FastifyPluginAsync
