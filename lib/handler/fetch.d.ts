import type { TokenHandlerOptions as Options, TokenProblem, TokenResponse } from './endpoint.js'
import type { PermissionHandlerOptions } from './permissions.js'

export type TokenHandlerOptions<Context = unknown> = Options<[request: Request, context: Context]>
export type {
  PermissionAnswer,
  PermissionHandlerOptions,
  PermissionProblem,
  PermissionQuery,
} from './permissions.js'
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
 * credentials. {@link https://github.com/velt-auth/velt-auth/blob/main/docs/frameworks.md docs/frameworks.md} has a sample.
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

/**
 * Makes the endpoint of Velt's permission provider, which takes a Web `Request` and returns a
 * `Response`: Velt asks it whether a user has access to an organization, a folder or a document. It
 * denies by default. {@link https://github.com/velt-auth/velt-auth/blob/main/docs/permissions.md docs/permissions.md} explains it.
 *
 * ```js
 * const handle = veltPermissionHandler({
 *   token: process.env.VELT_PERMISSION_TOKEN,
 *   authorize: ({ userId, resource }) => permissions.allows(userId, resource.id),
 * })
 * app.all('/api/velt/permissions', (c) => handle(c.req.raw)) // Hono
 * ```
 *
 * `permissions` is your own code.
 *
 * The endpoint responds with Velt's format, or with a {@link PermissionProblem} and status 400, 401,
 * 405, 408, 413 or 500. Every response has `Cache-Control: no-store`. The promise never rejects.
 *
 * @throws {VeltAuthError} `ERR_VELT_CONFIG` if an option is missing or wrong. `veltPermissionHandler`
 *   itself throws this error, so you find a wrong option when the server starts.
 */
export function veltPermissionHandler(
  options: PermissionHandlerOptions,
): (request: Request) => Promise<Response>
