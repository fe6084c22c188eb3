// `npm run bench`: every scenario with every contender, in one run on one machine. `--quick` shows in
// about a minute that everything works; it measures too little for its numbers to mean anything.

import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import os from 'node:os'
import { parseArgs } from 'node:util'
import { writePage, writeReport } from './report/report.mjs'
import { withCertificates } from './run/certificates.mjs'
import { runScenario } from './run/scenario.mjs'
import { SCENARIOS } from './scenarios.mjs'

const FULL = { rounds: 5, warmup: 700, duration: 800 }
const QUICK = { rounds: 1, warmup: 100, duration: 300 }

const { values: flags } = parseArgs({
  options: { quick: { type: 'boolean' }, only: { type: 'string', multiple: true } },
})
const pace = flags.quick ? QUICK : FULL
const chosen = SCENARIOS.filter(({ name }) => !flags.only || flags.only.includes(name))

const manifest = ['--manifest-path', 'bench/rust/Cargo.toml']
execFileSync('cargo', ['build', '--release', '--locked', ...manifest], { stdio: 'inherit' })

const started = Date.now()
const scenarios = []
await withCertificates(async (certificates) => {
  for (const scenario of chosen) {
    console.error(`${scenario.title} …`)
    scenarios.push({ ...scenario, samples: await runScenario(scenario, pace, certificates) })
  }
})

const results = {
  date: new Date(started).toISOString(),
  minutes: (Date.now() - started) / 60_000,
  node: process.version,
  cpu: os.cpus()[0].model,
  cores: os.cpus().length,
  pace,
  scenarios,
}
// Only the results of a complete run are committed.
const isComplete = !flags.quick && !flags.only
const target = new URL(isComplete ? 'results/' : 'results/partial/', import.meta.url)
mkdirSync(target, { recursive: true })
writeReport(results, target)
if (isComplete) writePage(results)
// autocannon leaves handles open that would keep this process alive.
process.exit()
