// Code that TypeScript users write, and code that must not compile.

import { createServer } from 'node:http'
import type { VeltAuthProvider } from '@veltdev/types'
import express from 'express'
import Fastify from 'fastify'
import { type Context, Hono } from 'hono'
import Koa from 'koa'
import {
  generateVeltAuthToken,
  VeltAuthClient,
  VeltAuthError,
  type VeltAuthErrorCode,
  type VeltResource,
  type VeltToken,
  type VeltUser,
} from 'velt-auth'
import { createAuthProvider, fetchVeltToken, VeltTokenError } from 'velt-auth/browser'
import { type Emulator, startEmulator } from 'velt-auth/emulator'
import { veltTokenHandler } from 'velt-auth/express'
import * as fastify from 'velt-auth/fastify'
import * as web from 'velt-auth/fetch'
import * as koa from 'velt-auth/koa'
import * as node from 'velt-auth/node'

const user: VeltUser = { userId: 'ada', email: null, organizationId: undefined }
const text: string = await generateVeltAuthToken(user)
const sameText: string = await generateVeltAuthToken('ada', { apiVersion: 'v2', deadline: 500 })

const client = new VeltAuthClient({ apiKey: 'k', authToken: 'a', ca: [Buffer.from(''), ''] })
const { token, expiresAt }: VeltToken = await client.generateToken(
  {
    userId: 'ada',
    permissions: { resources: [{ type: 'document', id: 'd', organizationId: 'o' }] },
  },
  { signal: AbortSignal.timeout(1000) },
)
const rejected: number | undefined = client.stats().failures.ERR_VELT_REJECTED

try {
  await client.generateToken(user)
} catch (error) {
  if (error instanceof VeltAuthError) {
    const code: VeltAuthErrorCode = error.code
    const wait: number | undefined = error.retryAfter
    console.log(code, wait, error.cause?.message)
    // @ts-expect-error the codes are a union, so a wrong one is a type error
    if (error.code === 'ERR_VELT_RATELIMITED') throw error
  }
}

const app = express()
app.post(
  '/api/velt/token',
  veltTokenHandler({
    client,
    identify: (req) => (req.query ? { userId: req.ip ?? '' } : null),
    methods: ['GET', 'POST'],
    onError: (error, req) => console.error(error, req.path),
  }),
)

Fastify().register(
  fastify.veltTokenHandler({ client, identify: (request) => request.headers.from }),
  { prefix: '/api/velt/token' },
)
new Koa().use(koa.veltTokenHandler({ client, identify: async (ctx) => ctx.state.user?.id }))
createServer(node.veltTokenHandler({ client, identify: (req) => req.headers.from }))

/** A route handler of Next.js, which passes no context that `identify` reads. */
const POST = web.veltTokenHandler({ client, identify: (request) => request.headers.get('from') })
const response: Promise<Response> = POST(new Request('http://localhost'))
const inHono = web.veltTokenHandler({ client, identify: (_request, c: Context) => c.get('user') })
new Hono().all('/api/velt/token', (c) => inHono(c.req.raw, c))

const provider: VeltAuthProvider = createAuthProvider({ user: { userId: 'ada' } })
const fetched: VeltToken = await fetchVeltToken('/token', { fresh: true })
const elsewhere: VeltAuthProvider = createAuthProvider({
  user: { userId: 'ada' },
  endpoint: 'https://api.example.com/token',
  headers: async () => ({ authorization: `Bearer ${await Promise.resolve('x')}` }),
  credentials: 'include',
  signal: AbortSignal.timeout(1000),
})
await fetchVeltToken('/token', { headers: { 'x-csrf-token': 'x' }, credentials: 'omit' })
node.veltTokenHandler({ client, identify: () => 'ada', cors: { origins: ['*'], headers: [] } })
try {
  await createAuthProvider({ user: { userId: 'ada' }, endpoint: '/token' }).generateToken()
} catch (error) {
  if (error instanceof VeltTokenError && error.code === 'unauthenticated') console.log(error.status)
}

const emulator: Emulator = await startEmulator({ port: 0 })
emulator.fault({ error: { status: 'UNAVAILABLE' }, times: 2 })

// @ts-expect-error the id is required
generateVeltAuthToken({ organizationId: 'acme' })
// @ts-expect-error numbers are not ids
generateVeltAuthToken(7)
// @ts-expect-error an unknown field of a user
generateVeltAuthToken({ userId: 'ada', role: 'admin' })
// @ts-expect-error an unknown option
new VeltAuthClient({ timeOut: 5 })
// @ts-expect-error the constructor is private
new VeltAuthError()
// @ts-expect-error identify is required
veltTokenHandler({ client })
// @ts-expect-error the context must have the type that `identify` takes
inHono(new Request('http://localhost'), 'context')
// @ts-expect-error a user has an id
createAuthProvider({ user: { name: 'Ada' } })
// @ts-expect-error a header has a string as its value
createAuthProvider({ user: { userId: 'ada' }, headers: { authorization: undefined } })
// @ts-expect-error cors needs origins
node.veltTokenHandler({ client, identify: () => 'ada', cors: { credentials: true } })
// @ts-expect-error Velt has no such role
const role: VeltResource['accessRole'] = 'owner'

export { elsewhere, expiresAt, fetched, provider, rejected, response, role, sameText, text, token }
