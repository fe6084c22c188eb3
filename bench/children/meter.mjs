// What a stretch of work cost this process.

import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'

/** Milliseconds between two looks at the event loop, and the least that libuv's timers can. */
const RESOLUTION = 1

/**
 * Starts to measure: `stop` gives the cost of so many calls, and `delays`, to be asked when all is
 * done, the event loop's. It waits for a turn more: the one that stopped the meter may be the worst.
 */
export function startMeter() {
  const loop = monitorEventLoopDelay({ resolution: RESOLUTION })
  loop.enable()
  const utilization = performance.eventLoopUtilization()
  const started = performance.now()
  const cpu = process.cpuUsage()
  const mainThread = mainThreadCpu()

  /** @param {number} calls */
  function stop(calls) {
    const elapsed = performance.now() - started
    const { user, system } = process.cpuUsage(cpu)
    const { active, utilization: mainThreadBusy } = performance.eventLoopUtilization(utilization)
    const onMainThread = mainThreadCpu() - mainThread
    return {
      calls,
      elapsed,
      callsPerSecond: (1000 * calls) / elapsed,
      mainCpuPerCall: (Number.isNaN(onMainThread) ? 1000 * active : onMainThread) / calls,
      cpuPerCall: (user + system) / calls,
      mainThreadBusy,
      rss: process.resourceUsage().maxRSS / 1024,
    }
  }

  async function delays() {
    await setTimeout(2 * RESOLUTION)
    loop.disable()
    const delay = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - RESOLUTION)
    return {
      delayP50: delay(loop.percentile(50)),
      delayP99: delay(loop.percentile(99)),
      delayMax: delay(loop.max),
    }
  }

  return { stop, delays }
}

/**
 * Microseconds that the kernel ran the main thread, whose id is the process's (Linux counts them in
 * nanoseconds; Node 20 cannot tell them). NaN elsewhere: then the time in which the event loop was
 * not idle must do, which is more, since it also runs while the thread waits for a core.
 */
function mainThreadCpu() {
  try {
    const schedstat = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8')
    return Number(schedstat.split(' ')[0]) / 1000
  } catch {
    return Number.NaN
  }
}
