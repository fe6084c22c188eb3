// Builds and packs the release for this machine and installs it into bench/: the benchmarks measure
// the package that users get.

import { fileURLToPath } from 'node:url'
import { publishRelease } from '../__test__/support/release.mjs'
import { run } from '../scripts/release/run.mjs'

const node = (...args) => run(process.execPath, args)

node('scripts/release/build.mjs', 'here')
node('scripts/release/pack.mjs')
node('scripts/install.mjs', 'bench')
const release = await publishRelease()
await release.npm(fileURLToPath(new URL('.', import.meta.url)), 'install', '--no-save', 'velt-auth')
await release.close()
