// `npm run bench:load`: how long the installed package takes to load, by `require` and by `import`,
// and then to make its first client; beside undici and an empty file, each time in a process of its
// own. Under 5 ms by `require` is the aim, on a machine that takes 1.5 ms for the empty file.

import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

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

/** The milliseconds that a program in a new process prints. */
function run(type, source) {
  const args = [`--input-type=${type}`, '--eval', `const start = performance.now()\n${source}`]
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', env }))
}

function measure({ path, first }) {
  const [required, client] = run(
    'commonjs',
    `
    const loaded = require(${JSON.stringify(path)})
    const middle = performance.now()
    ${first}
    console.log(JSON.stringify([middle - start, performance.now() - middle]))
    process.exit()
    `,
  )
  const imported = run(
    'module',
    `
    await import(${JSON.stringify(pathToFileURL(path))})
    console.log(performance.now() - start)
    process.exit()
    `,
  )
  return { required, imported, client }
}

const measured = Object.keys(SUBJECTS).map((name) => ({ name, rounds: [] }))
for (let round = 0; round < ROUNDS; round += 1) {
  for (const { name, rounds } of measured) rounds.push(measure(SUBJECTS[name]))
}

for (const { name, rounds } of measured) {
  const median = (what) =>
    rounds
      .map((times) => times[what])
      .sort((a, b) => a - b)
      [(ROUNDS - 1) / 2].toFixed(2)
  console.log(
    `${name.padEnd(20)} ${median('required')} ms to require, ${median('imported')} to import, ` +
      `${median('client')} to a client`,
  )
}
