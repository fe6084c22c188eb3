import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TokenHandlerOptions as Options, TokenProblem, TokenResponse } from './endpoint.js'

export type TokenHandlerOptions = Options<[req: IncomingMessage]>
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
