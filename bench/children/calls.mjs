// One contender under load: a number of callers. Each starts its next call when the last one ends.

import { performance } from 'node:perf_hooks'
import { USERS } from '../request.mjs'
import { startMeter } from './meter.mjs'

/** The latencies of so many of the last calls are kept: enough for a p99, and little memory. */
const KEPT = 65_536

const { contender, callers, warmup, duration, ...options } = JSON.parse(process.argv[2])
const { open } = await import(`../contenders/${contender}.mjs`)
const call = open(options)

await run(warmup)
const meter = startMeter()
const { calls, failures, latencies } = await run(duration)
const cost = { ...meter.stop(calls), ...(await meter.delays()) }
const kept = latencies.subarray(0, Math.min(calls, KEPT)).sort()
const quantile = (share) => kept[Math.min(kept.length - 1, Math.floor(kept.length * share))]

console.log(
  JSON.stringify({
    ...cost,
    failures,
    failedShare: (100 * failures) / calls,
    latencyP50: quantile(0.5),
    latencyP99: quantile(0.99),
    latencyP995: quantile(0.995),
  }),
)
process.exit()

/**
 * All callers start together, and the run ends with its last call: so it contains whole waves, if the
 * responses come in waves. Each caller reads the clock after every call, because a timer would never
 * fire between calls that do not wait.
 */
async function run(milliseconds) {
  const end = performance.now() + milliseconds
  const latencies = new Float64Array(KEPT)
  let calls = 0
  let failures = 0

  async function caller(number) {
    let turn = number
    let start = performance.now()
    while (start < end) {
      const token = await call(USERS[turn++ % USERS.length]).catch(() => undefined)
      if (!token) failures++
      const now = performance.now()
      latencies[calls++ % KEPT] = now - start
      start = now
    }
  }

  await Promise.all(Array.from({ length: callers }, (_, number) => caller(number)))
  return { calls, failures, latencies }
}
