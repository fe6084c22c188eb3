// A server with `@types/node` and no framework. Every optional field may be `undefined`.

import { createServer } from 'node:http'
import { generateVeltAuthToken, VeltAuthClient, type VeltToken, type VeltUser } from 'velt-auth'
import { type Emulator, startEmulator } from 'velt-auth/emulator'
import * as web from 'velt-auth/fetch'
import * as node from 'velt-auth/node'

declare const text: string | undefined
declare const number: number | undefined

const user: VeltUser = {
  userId: 'ada',
  organizationId: text,
  email: text,
  name: text,
  isAdmin: undefined,
  permissions: {
    resources: [
      { type: 'folder', id: 'f', organizationId: text, accessRole: undefined, expiresAt: number },
    ],
  },
}

const client = new VeltAuthClient({
  apiKey: text,
  authToken: text,
  apiVersion: undefined,
  baseUrl: text,
  timeout: number,
  deadline: number,
  maxAttempts: number,
  proxy: text,
  ca: text,
  cache: { maxEntries: number, redis: text, sentinels: undefined },
})
new VeltAuthClient({ cache: undefined, ca: [Buffer.from(''), new Uint8Array()] })

export const tokens: Promise<VeltToken>[] = [
  client.getToken(user, { signal: undefined, deadline: number, minValidity: number }),
  client.generateToken(user, { signal: undefined, deadline: number }),
]
export const token: Promise<string> = generateVeltAuthToken(user, {
  apiKey: text,
  signal: undefined,
})

createServer(
  node.veltTokenHandler({
    client,
    identify: (req) => req.headers.from,
    methods: undefined,
    onError: undefined,
  }),
)
createServer(
  node.veltPermissionHandler({
    authorize: () => ({ hasAccess: true, accessRole: undefined, expiresIn: number }),
    token: text,
    allowUnauthenticated: undefined,
    timeout: number,
    maxConcurrency: number,
    cors: undefined,
    onError: undefined,
  }),
)
export const POST = web.veltTokenHandler({ client, identify: async () => user })

export const emulator: Emulator = await startEmulator({
  port: number,
  host: text,
  apiKey: text,
  authToken: text,
  tls: undefined,
  tokenLifetime: number,
  now: undefined,
  requireJwtToken: undefined,
  allowedDomains: undefined,
  permissionProvider: { url: '', token: text },
})
export const results = emulator.askPermission('', [], { token: text })
emulator.fault({ times: number, delay: number, status: number, retryAfter: text, body: text })
