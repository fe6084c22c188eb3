// What TypeScript users write, and what must not compile.

import express from 'express'
import {
  generateVeltAuthToken,
  VeltAuthClient,
  VeltAuthError,
  type VeltAuthErrorCode,
  type VeltResource,
  type VeltToken,
  type VeltUser,
} from 'velt-auth'
import { type Emulator, startEmulator } from 'velt-auth/emulator'
import { veltTokenHandler } from 'velt-auth/express'

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
    // @ts-expect-error a closed union: a misspelt code is found
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

const emulator: Emulator = await startEmulator({ port: 0 })
emulator.fault({ error: { status: 'UNAVAILABLE' }, times: 2 })

// @ts-expect-error the id is required
generateVeltAuthToken({ organizationId: 'acme' })
// @ts-expect-error numbers are not ids
generateVeltAuthToken(7)
// @ts-expect-error unknown claims are refused
generateVeltAuthToken({ userId: 'ada', role: 'admin' })
// @ts-expect-error unknown options are refused
new VeltAuthClient({ timeOut: 5 })
// @ts-expect-error errors are ours to make
new VeltAuthError()
// @ts-expect-error identify is required
veltTokenHandler({ client })
// @ts-expect-error Velt knows no such role
const role: VeltResource['accessRole'] = 'owner'

export { expiresAt, rejected, role, sameText, text, token }
