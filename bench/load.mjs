// `npm run bench:load`: measures how long the installed package takes to load, by `require` and by
// `import`, and then to make its first client; beside undici and an empty file. Each measurement is a
// new process. The aim is under 5 ms by `require`, on a machine that takes 1.5 ms for the empty file.

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
  // The time that Node takes for the first file of any program.
  'empty file': { path: resolve('./children/nothing.cjs'), first: '' },
}

// Most servers have no NODE_EXTRA_CA_CERTS: the first client would also read those certificates.
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
  const median = (name) =>
    rounds
      .map((times) => times[name])
      .sort((a, b) => a - b)
      [(ROUNDS - 1) / 2].toFixed(2)
  console.log(
    `${name.padEnd(20)} ${median('required')} ms to require, ${median('imported')} to import, ` +
      `${median('client')} to a client`,
  )
}
