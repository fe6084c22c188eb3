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
  type VeltCacheMessage,
  type VeltResource,
  type VeltToken,
  type VeltUser,
} from 'velt-auth'
import { createAuthProvider, fetchVeltToken, VeltTokenError } from 'velt-auth/browser'
import { type Emulator, startEmulator } from 'velt-auth/emulator'
import { type PermissionQuery, veltPermissionHandler, veltTokenHandler } from 'velt-auth/express'
import * as fastify from 'velt-auth/fastify'
import * as web from 'velt-auth/fetch'
import * as koa from 'velt-auth/koa'
import * as node from 'velt-auth/node'

const user: VeltUser = { userId: 'ada', email: null, organizationId: undefined }
const text: string = await generateVeltAuthToken(user)
const sameText: string = await generateVeltAuthToken('ada', { apiVersion: 'v2', deadline: 500 })

const client = new VeltAuthClient({ apiKey: 'k', authToken: 'a', ca: [Buffer.from(''), ''] })
new VeltAuthClient({
  authToken: ['current', 'next'],
  cache: { redis: 'redis://127.0.0.1', secret: 's' },
  onCredentialRefused: ({ index, error }) => console.warn(index, error.code),
})
new VeltAuthClient({ authToken: async () => 'a' })
// @ts-expect-error the function must return a string
new VeltAuthClient({ authToken: async () => 7 })

const { token, expiresAt }: VeltToken = await client.generateToken(
  {
    userId: 'ada',
    permissions: { resources: [{ type: 'document', id: 'd', organizationId: 'o' }] },
  },
  { signal: AbortSignal.timeout(1000) },
)
await client.permissions.add('ada', [{ type: 'organization', id: 'acme', expiresIn: 60 }])
await client.permissions.remove(user, [{ type: 'organization', id: 'acme' }])
const stored = await client.permissions.get({ organizationId: 'acme', userIds: ['ada'] })
const access: 'viewer' | 'editor' | undefined = stored.ada?.organization?.acme?.accessRole
// @ts-expect-error a permission is removed without its role
client.permissions.remove('ada', [{ type: 'organization', id: 'acme', accessRole: 'viewer' }])

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

/** `type` decides which other fields a resource has. `source` is an open list. */
function authorize({ userId, resource }: PermissionQuery) {
  if (resource.type === 'document') return resource.parentFolderId !== 'secret'
  if (resource.type === 'context') return resource.context.access.entityId === userId
  // @ts-expect-error an organization is in no folder
  resource.parentFolderId
  // @ts-expect-error Velt knows no such type
  if (resource.type === 'team') return false
  return resource.source === 'identify' || resource.source === 'a call that Velt may add'
}

const permissionToken: string | undefined = process.env.VELT_PERMISSION_TOKEN
app.all('/api/velt/permissions', veltPermissionHandler({ token: permissionToken, authorize }))
Fastify().register(
  fastify.veltPermissionHandler({
    token: ['current', 'next'],
    authorize: async () => ({ hasAccess: true, accessRole: 'viewer', expiresIn: 600 }),
    timeout: 1000,
    maxConcurrency: 4,
    onError: (error, query) => console.error(error, query?.userId),
  }),
  { prefix: '/api/velt/permissions' },
)
new Koa().use(
  koa.veltPermissionHandler({
    allowUnauthenticated: true,
    authorize: () => ({ hasAccess: false, accessRole: null }),
    cors: { origins: ['http://localhost:5173'] },
  }),
)
createServer(node.veltPermissionHandler({ token: 'secret', authorize: () => false }))
const permissions = web.veltPermissionHandler({ token: 'secret', authorize })
new Hono().all('/api/velt/permissions', (c) => permissions(c.req.raw))

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
const renewed: string = emulator.resetAuthToken()
const asked: PermissionQuery = {
  userId: 'ada',
  resource: { id: 'plan', type: 'document', source: 'setDocuments', organizationId: 'acme' },
}
const [permission] = await emulator.askPermission('http://localhost/', [asked], { token: renewed })
const until: number | undefined = permission?.expiresAt

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
// @ts-expect-error authorize is required
veltPermissionHandler({ token: 'secret' })
// @ts-expect-error the end is a duration, `expiresIn`
veltPermissionHandler({ token: '', authorize: () => ({ hasAccess: true, expiresAt: 1 }) })
// @ts-expect-error Velt has no such role
veltPermissionHandler({ token: '', authorize: () => ({ hasAccess: true, accessRole: 'owner' }) })
// @ts-expect-error `undefined` is not an answer
veltPermissionHandler({ token: '', authorize: () => undefined })
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

declare const change: VeltCacheMessage
// @ts-expect-error only a message of the type 'credential-refused' has it
change.index
const refused: number | undefined = change.type === 'credential-refused' ? change.index : undefined

export {
  access,
  elsewhere,
  expiresAt,
  fetched,
  provider,
  refused,
  rejected,
  response,
  role,
  sameText,
  text,
  token,
  until,
}
