// `npm run soak -- [minutes]`: runs a client under load, with refreshes, invalidations, worker threads and
// faults of Velt and Redis, for 30 minutes by default. Prints the memory, threads, handles and open files
// of its process, and how fast they grow, and makes docs/soak.svg. It needs Linux and redis-server.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { startEmulator } from 'velt-auth/emulator'
import { startRedis } from '../../__test__/support/redis.mjs'
import { picture } from './picture.mjs'
import { inspect } from './process.mjs'
import { slope } from './slope.mjs'

/**
 * A sample is taken at the end of each cycle, so that all samples see the same state. Within a cycle, the
 * faults end after 15 seconds. A worker thread and a client that is closed end within 5 seconds.
 */
const CYCLE = 30_000
const MB = 1e6

/** Each fault and how long it lasts, in milliseconds. One cycle has one of them. */
const FAULTS = [
  ({ emulator }) => emulator.fault({ status: 503, times: Infinity }),
  ({ emulator }) => emulator.fault({ reset: 'headers', times: Infinity }),
  ({ emulator }) => emulator.fault({ stall: 'body', times: Infinity }),
  ({ redis }) => redis.pause(),
  async ({ redis }) => {
    await redis.kill()
    await redis.start()
  },
  ({ emulator }) => emulator.fault({ delay: 500, times: Infinity }),
]

async function soak(minutes) {
  const cleanUps = []
  const redis = await startRedis({ after: (cleanUp) => cleanUps.push(cleanUp) })
  const emulator = await startEmulator({ tokenLifetime: 60_000 })
  const { url: baseUrl, apiKey, authToken } = emulator
  const options = { baseUrl, apiKey, authToken, deadline: 3000, cache: { redis: redis.url } }
  const child = fork(new URL('load.mjs', import.meta.url), {
    execArgv: ['--expose-gc'],
    env: { PATH: process.env.PATH, SOAK_OPTIONS: JSON.stringify(options) },
  })
  const ports = { [redis.port]: 'Redis', [new URL(baseUrl).port]: 'Velt' }
  const samples = []
  const start = performance.now()
  for (let number = 0; performance.now() - start < minutes * 60_000; number += 1) {
    child.send('cycle')
    await FAULTS[number % FAULTS.length]({ emulator, redis })
    await pause(CYCLE / 2)
    redis.resume()
    emulator.reset()
    await pause(start + CYCLE * (number + 1) - performance.now())
    child.send('sample')
    const [own] = await once(child, 'message')
    const hours = (performance.now() - start) / 3_600_000
    samples.push({ hours, ...own, ...inspect(child.pid, ports) })
    console.log(JSON.stringify(samples.at(-1)))
  }
  child.disconnect()
  await once(child, 'exit')
  await emulator.close()
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
  return samples
}

const total = (files) => Object.values(files).reduce((sum, count) => sum + count, 0)

const CURVES = {
  'Resident memory, MB': ({ resident }) => resident / MB,
  'Heap of JavaScript after a garbage collection, MB': ({ heap }) => heap / MB,
  Threads: ({ threads }) => threads,
  'Active handles of Node': ({ handles }) => handles,
  'Open files and sockets': ({ files }) => total(files),
  'Connections to Velt': ({ files }) => files.Velt ?? 0,
  'Connections to Redis': ({ files }) => files.Redis ?? 0,
}

/** The first fifth is the warm-up: pools and caches fill. Slopes are those of the rest. */
function panels(samples, warmUp) {
  return Object.entries(CURVES).map(([title, read]) => {
    const points = samples.map((sample) => [sample.hours, read(sample)])
    const { rise, half } = slope(points.filter(([hours]) => hours > warmUp))
    return { title, points, trend: `${rise.toFixed(2)} ± ${half.toFixed(2)} per hour` }
  })
}

const minutes = Number(process.argv[2] ?? 30)
const samples = await soak(minutes)
const warmUp = minutes / 60 / 5
const curves = panels(samples, warmUp)
for (const { title, points, trend } of curves) {
  console.log(`${title}: ${points.at(-1)[1].toFixed(1)} at the end, ${trend}`)
}
const image = picture({
  title: `${minutes} minutes under load`,
  subtitle: `Node ${process.version}; the slopes (95 % confidence) leave out the warm-up, which is grey`,
  warmUp,
  panels: curves,
})
writeFileSync(new URL('../../docs/soak.svg', import.meta.url), image)
