import type { TokenHandlerOptions as Options, TokenProblem } from './endpoint.js'

export type TokenHandlerOptions<Context = unknown> = Options<[request: Request, context: Context]>
export type { TokenProblem }

/**
 * A token endpoint from a Web `Request` to a `Response`: for Hono, Next.js, Remix, SvelteKit, Bun,
 * Deno. What the handler is called with beside the request, `identify` gets too.
 *
 * ```js
 * // SvelteKit
 * const handle = veltTokenHandler({ client, identify: (_request, locals) => locals.user })
 * export const POST = ({ request, locals }) => handle(request, locals)
 *
 * // Hono
 * const handle = veltTokenHandler({ client, identify: (_request, c) => c.get('user') })
 * app.all('/api/velt/token', (c) => handle(c.req.raw, c))
 * ```
 *
 * For Next.js see docs/frameworks.md: there the client is made at the first request.
 *
 * It answers `{ token, expiresAt }`, or {@link TokenProblem} with 401, 405, 429, 500, 502, 503 or
 * 504, always with `Cache-Control: no-store`. The promise never rejects.
 *
 * @throws {VeltAuthError} `ERR_VELT_CONFIG` for wrong options, when it is made.
 */
export function veltTokenHandler<Context = unknown>(
  options: TokenHandlerOptions<Context>,
): (request: Request, context?: Context) => Promise<Response>
