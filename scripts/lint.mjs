// Format and lint, both languages. A tool that a laptop lacks is a skip that names itself; in CI
// it is a failure.

import { spawnSync } from 'node:child_process'

const DENY = ['--', '--deny', 'warnings']
const CHECKS = [
  ['rustfmt', 'cargo', ['fmt', '--check']],
  ['clippy', 'cargo', ['clippy', '--locked', ...DENY]],
  ['clippy', 'cargo', ['clippy', '--locked', '--no-default-features', '--all-targets', ...DENY]],
  ['biome', 'npx', ['biome', 'check', '--error-on-warnings']],
  ['tsc', 'npx', ['tsc', '--project', '.']],
  ['publint', 'npx', ['publint', '--strict']],
  // velt-auth/browser is an ES module on purpose: browsers take no other.
  ['attw', 'npx', ['attw', '--pack', '--profile=node16', '--ignore-rules=cjs-resolves-to-esm']],
]

const run = (command, args, stdio) => spawnSync(command, args, { stdio, shell: true }).status === 0

for (const [tool, command, args] of CHECKS) {
  const isThere =
    command === 'npx' || run(tool === 'clippy' ? 'cargo-clippy' : tool, ['--version'], 'ignore')
  if (!isThere && !process.env.CI) {
    console.log(`skipped: ${tool} is not installed (rustup component add ${tool})`)
    continue
  }
  console.log(`${command} ${args.join(' ')}`)
  if (!run(command, args, 'inherit')) process.exit(1)
}
