import type { TokenHandlerOptions as Options, TokenProblem, TokenResponse } from './endpoint.js'

export type TokenHandlerOptions<Context = unknown> = Options<[request: Request, context: Context]>
export type { TokenProblem, TokenResponse }

/**
 * Makes a token endpoint that takes a Web `Request` and returns a `Response`: for Hono, Next.js, Remix,
 * SvelteKit, Bun and Deno. If you pass a second argument to the handler, `identify` and `onError` get it
 * too.
 *
 * In SvelteKit:
 *
 * ```ts
 * type Locals = { user?: { id: string } }
 *
 * const handle = veltTokenHandler({
 *   client,
 *   identify: (_request, { user }: Locals) => user && { userId: user.id },
 * })
 * export const POST = ({ request, locals }: { request: Request; locals: Locals }) =>
 *   handle(request, locals)
 * ```
 *
 * In Hono:
 *
 * ```ts
 * import type { Context } from 'hono'
 * import { veltTokenHandler } from 'velt-auth/fetch'
 *
 * type User = { id: string } | undefined
 *
 * const handle = veltTokenHandler({
 *   client,
 *   identify: (_request, c: Context) => {
 *     const user: User = c.get('user')
 *     return user && { userId: user.id }
 *   },
 * })
 * app.all('/api/velt/token', (c) => handle(c.req.raw, c))
 * ```
 *
 * In Next.js, create the client at the first request: `next build` also loads the module, and has no
 * credentials. docs/frameworks.md has a sample.
 *
 * The endpoint responds with a {@link TokenResponse}, or with a {@link TokenProblem} and status 401, 405,
 * 429, 500, 502, 503 or 504. Every response has `Cache-Control: no-store`. The promise never rejects.
 *
 * @throws {VeltAuthError} `ERR_VELT_CONFIG` if an option is missing or wrong. `veltTokenHandler` itself
 *   throws this error, so you find a wrong option when the server starts.
 */
export function veltTokenHandler<Context = unknown>(
  options: TokenHandlerOptions<Context>,
): (request: Request, context?: Context) => Promise<Response>
