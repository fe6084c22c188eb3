// `npm run bench:require`: how long the installed package takes to load, and then to make its first
// client; beside undici, and each time in a process of its own. Loading should take under 5 ms.

import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { publishRelease } from '../__test__/support/release.mjs'

const ROUNDS = 41
const LIMIT = 5

const release = await publishRelease()
const folder = await release.project('bench')
await release.npm(folder, 'install', 'velt-auth')

const SUBJECTS = {
  'velt-auth': {
    path: join(folder, 'node_modules', 'velt-auth'),
    first: "new loaded.VeltAuthClient({ apiKey: 'k', authToken: 'a' })",
  },
  undici: { path: createRequire(import.meta.url).resolve('undici'), first: 'new loaded.Agent()' },
}

/** @returns {[number, number]} milliseconds to load, and to make the first client */
function measure({ path, first }) {
  const source = `
    const start = performance.now()
    const loaded = require(${JSON.stringify(path)})
    const middle = performance.now()
    ${first}
    console.log(JSON.stringify([middle - start, performance.now() - middle]))
    process.exit()
  `
  return JSON.parse(execFileSync(process.execPath, ['--eval', source], { encoding: 'utf8' }))
}

const median = (times) => times.sort((a, b) => a - b)[(ROUNDS - 1) / 2]

const measured = { 'velt-auth': [], undici: [] }
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [name, times] of Object.entries(measured)) times.push(measure(SUBJECTS[name]))
}
await release.close()

for (const [name, times] of Object.entries(measured)) {
  const load = median(times.map(([time]) => time))
  const client = median(times.map(([, time]) => time))
  console.log(
    `${name.padEnd(10)} ${load.toFixed(2)} ms to load, ${client.toFixed(2)} ms to a client`,
  )
  if (name === 'velt-auth' && load >= LIMIT) process.exitCode = 1
}
