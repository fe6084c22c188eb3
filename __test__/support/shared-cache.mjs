// Clients that share a real Redis.

import { VeltAuthClient } from 'velt-auth'
import { emulate } from './emulator.mjs'
import { startRedis } from './redis.mjs'
import { needs } from './tools.mjs'

/** Test options for a test that needs Redis. */
export const REDIS = { ...needs('redis-server'), timeout: 60_000 }

/** Starts an emulator and a Redis. Returns them, and the client options that reach both. */
export async function start(t, emulatorOptions) {
  const redis = await startRedis(t)
  const { emulator, options } = await emulate(t, emulatorOptions)
  return { redis, emulator, options: { ...options, cache: { redis: redis.url } } }
}

export function startClient(t, options) {
  const client = new VeltAuthClient(options)
  t.after(() => client.close())
  return client
}

/** The keys in `redis` that hold tokens. They are written shortly after a call has resolved. */
export function tokenKeys(redis) {
  const keys = redis.cli('--scan', '--pattern', 'velt-auth:*').split('\n').filter(Boolean)
  return keys.filter((key) => !/:(lease|generation|invalidations)$/.test(key))
}
