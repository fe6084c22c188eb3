// `npm run bench:require`: how long the installed package takes to load, and then to make its first
// client; beside undici and an empty file, and each time in a process of its own. Under 5 ms is the
// aim, on a machine that takes 1.5 ms for the empty file.

import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'

const ROUNDS = 41

const { resolve } = createRequire(import.meta.url)

const SUBJECTS = {
  'velt-auth': {
    path: resolve('velt-auth'),
    first: "new loaded.VeltAuthClient({ apiKey: 'k', authToken: 'a' })",
  },
  undici: { path: resolve('undici'), first: 'new loaded.Agent()' },
  // What Node takes for the first file of any program.
  'nothing (the zero)': { path: resolve('./children/nothing.cjs'), first: '' },
}

// Certificates of this machine's own would be read for the client, and few servers have them.
const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env

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
  return JSON.parse(execFileSync(process.execPath, ['--eval', source], { encoding: 'utf8', env }))
}

const median = (times) => times.sort((a, b) => a - b)[(ROUNDS - 1) / 2]

const measured = Object.keys(SUBJECTS).map((name) => ({ name, times: [] }))
for (let round = 0; round < ROUNDS; round += 1) {
  for (const { name, times } of measured) times.push(measure(SUBJECTS[name]))
}

for (const { name, times } of measured) {
  const load = median(times.map(([time]) => time))
  const client = median(times.map(([, time]) => time))
  console.log(
    `${name.padEnd(20)} ${load.toFixed(2)} ms to load, ${client.toFixed(2)} ms to a client`,
  )
}
