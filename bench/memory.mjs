// `npm run bench:memory`: the memory of a process in which 5,000 users get their first token at once, compared
// with 64 users. The server is 50 ms away, so all 5,000 requests wait at the same time.

import { withCertificates } from './run/certificates.mjs'
import { runScenario } from './run/scenario.mjs'
import { median } from './run/statistics.mjs'

const ROUNDS = 5
const USERS = [64, 5000]

const rss = []
await withCertificates(async (certificates) => {
  for (const callers of USERS) {
    const scenario = { contenders: ['velt-auth'], kind: 'burst', callers, server: { distance: 25 } }
    const { 'velt-auth': samples } = await runScenario(scenario, { rounds: ROUNDS }, certificates)
    const failures = samples.reduce((sum, sample) => sum + sample.failures, 0)
    const values = samples.map((sample) => sample.rss)
    const range = `${Math.min(...values).toFixed(1)}–${Math.max(...values).toFixed(1)}`
    console.log(
      `${callers} users: ${median(values).toFixed(1)} MB (${range}), ${failures} failures`,
    )
    rss.push(median(values))
  }
})
console.log(`ratio: ${(rss[1] / rss[0]).toFixed(3)}`)
// autocannon leaves handles open that would keep this process alive.
process.exit()
