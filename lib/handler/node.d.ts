import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TokenHandlerOptions as Options, TokenProblem } from './endpoint.js'

export type TokenHandlerOptions = Options<[req: IncomingMessage]>
export type { TokenProblem }

/**
 * A token endpoint for plain `node:http`, and whatever hands on Node's own requests.
 *
 * ```js
 * const answer = veltTokenHandler({ client, identify: (req) => userOf(req.headers.cookie) })
 * createServer((req, res) => (req.url === '/api/velt/token' ? answer(req, res) : site(req, res)))
 * ```
 *
 * It answers `{ token, expiresAt }`, or {@link TokenProblem} with 401, 405, 429, 500, 502, 503 or
 * 504, always with `Cache-Control: no-store`. The promise never rejects.
 *
 * @throws {VeltAuthError} `ERR_VELT_CONFIG` for wrong options, when it is made.
 */
export function veltTokenHandler(
  options: TokenHandlerOptions,
): (req: IncomingMessage, res: ServerResponse) => Promise<void>
