// What a stretch of work cost this process.

import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'

/** Milliseconds between two looks at the event loop, and the least that libuv's timers can. */
const RESOLUTION = 1

export function startMeter() {
  const loop = monitorEventLoopDelay({ resolution: RESOLUTION })
  loop.enable()
  const utilization = performance.eventLoopUtilization()
  const started = performance.now()
  const cpu = process.cpuUsage()
  const mainThread = mainThreadCpu()

  /** @param {number} calls */
  return function stopMeter(calls) {
    const elapsed = performance.now() - started
    const { user, system } = process.cpuUsage(cpu)
    const { active, utilization: mainThreadBusy } = performance.eventLoopUtilization(utilization)
    const onMainThread = mainThreadCpu() - mainThread
    loop.disable()
    const delay = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - RESOLUTION)
    return {
      calls,
      elapsed,
      callsPerSecond: (1000 * calls) / elapsed,
      mainCpuPerCall: (Number.isNaN(onMainThread) ? 1000 * active : onMainThread) / calls,
      cpuPerCall: (user + system) / calls,
      mainThreadBusy,
      delayP50: delay(loop.percentile(50)),
      delayP99: delay(loop.percentile(99)),
      delayMax: delay(loop.max),
      rss: process.resourceUsage().maxRSS / 1024,
    }
  }
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
