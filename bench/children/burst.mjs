// A new process in which a number of users get their first token at once. Loading the contender is not
// counted; `cold.mjs` measures that.

import { performance } from 'node:perf_hooks'
import { USERS } from '../request.mjs'

const { contender, callers, ...options } = JSON.parse(process.argv[2])
const { open } = await import(`../contenders/${contender}.mjs`)

const cpu = process.cpuUsage()
const started = performance.now()
const call = open(options)
const tokens = await Promise.all(
  Array.from({ length: callers }, (_, index) =>
    call({ ...USERS[index % USERS.length], userId: `user-${index}` }).catch(() => undefined),
  ),
)
const allTokens = performance.now() - started
const { user, system } = process.cpuUsage(cpu)

console.log(
  JSON.stringify({
    calls: callers,
    failures: tokens.filter((token) => !token).length,
    allTokens,
    cpuPerCall: (user + system) / callers,
    rss: process.resourceUsage().maxRSS / 1024,
  }),
)
process.exit()
