import type { TokenHandlerOptions as Options, TokenProblem } from './endpoint.js'

export type TokenHandlerOptions<Context = unknown> = Options<[request: Request, context: Context]>
export type { TokenProblem }

/**
 * A token endpoint from a Web `Request` to a `Response`: for Hono, Next.js, Remix, SvelteKit, Bun,
 * Deno. What the handler is called with beside the request, `identify` gets too.
 *
 * ```js
 * // Next.js, app/api/velt/token/route.js
 * export const POST = veltTokenHandler({ client, identify: async () => userOf(await cookies()) })
 *
 * // Hono
 * const handle = veltTokenHandler({ client, identify: (_request, c) => c.get('user') })
 * app.all('/api/velt/token', (c) => handle(c.req.raw, c))
 * ```
 *
 * It answers `{ token, expiresAt }`, or {@link TokenProblem} with 401, 405, 429, 500, 502, 503 or
 * 504, always with `Cache-Control: no-store`. The promise never rejects.
 *
 * @throws {VeltAuthError} `ERR_VELT_CONFIG` for wrong options, when it is made.
 */
export function veltTokenHandler<Context = unknown>(
  options: TokenHandlerOptions<Context>,
): (request: Request, context?: Context) => Promise<Response>
