// Clients that share a real Redis.

import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
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

/**
 * Starts a server process. The returned function makes `call` there for each user. `pause` stops the
 * process; calls that are made meanwhile are its first work after `resume`.
 */
export async function startServer(t, options) {
  const file = fileURLToPath(new URL('cache-server.mjs', import.meta.url))
  const server = fork(file, [JSON.stringify(options)])
  t.after(() => server.kill('SIGKILL'))
  const died = once(server, 'exit').then(() => assert.fail('a server died'))
  const answer = async () => (await Promise.race([once(server, 'message'), died]))[0]
  died.catch(() => {})
  await answer()
  const call = (name, users) => {
    server.send({ call: name, users })
    return answer()
  }
  const pause = () => server.kill('SIGSTOP')
  const resume = () => server.kill('SIGCONT')
  return Object.assign(call, { pause, resume })
}

/** The keys in `redis` that hold tokens. They are written shortly after a call has resolved. */
export function tokenKeys(redis) {
  const keys = redis.cli('--scan', '--pattern', 'velt-auth:*').split('\n').filter(Boolean)
  return keys.filter((key) => !/:(lease|generation|invalidations)$/.test(key))
}
