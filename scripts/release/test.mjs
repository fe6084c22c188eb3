// `npm run test:package`, `test:packaging` and `test:runtimes`: builds and packs the release, then tests
// the tarballs. With `--packed` it tests the tarballs that are already in npm/, as the release workflow
// does. The last two accept names of rows: `npm run test:runtimes -- Bun`.

import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

/** The platforms to build (none means all that this machine can build), and the tests. */
const SUITES = {
  package: {
    platforms: ['here'],
    tests: [
      ...['--test', '--test-reporter=spec'],
      ...['install', 'tarballs', 'workers'].map((name) => `__test__/release/${name}.mjs`),
    ],
  },
  packaging: { platforms: ['here'], tests: ['__test__/runtimes/packaging.mjs'] },
  runtimes: { platforms: [], tests: ['__test__/runtimes/matrix.mjs'] },
}

function node(...args) {
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

const { values, positionals } = parseArgs({
  options: { packed: { type: 'boolean' } },
  allowPositionals: true,
})
const [suite, ...names] = positionals
const { platforms, tests } = SUITES[suite]

if (!values.packed) {
  node('scripts/release/build.mjs', ...platforms)
  node('scripts/release/pack.mjs')
}
node(...tests, ...names)
