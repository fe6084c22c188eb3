// `npm run fuzz -- [seconds] [target …]`: fuzzes each target of fuzz/ for this time, 600 seconds by
// default. It needs `rustup toolchain install nightly` and `cargo install cargo-fuzz`. New inputs go to
// fuzz/corpus, where git ignores them, and an input that fails goes to fuzz/artifacts.

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { basename } from 'node:path'

const [seconds = '600', ...names] = process.argv.slice(2)
const targets = readdirSync('fuzz/fuzz_targets').map((file) => basename(file, '.rs'))

for (const target of names.length > 0 ? names : targets) {
  console.log(`\n${target}, ${seconds} seconds`)
  // Without AddressSanitizer: the crate forbids unsafe code, and is fuzzed several times faster.
  // `--release`: fuzz/Cargo.toml decides about debug assertions.
  const options = ['--release', '--sanitizer', 'none']
  const fuzz = ['+nightly', 'fuzz', 'run', ...options, target, '--']
  const limits = [`-max_total_time=${seconds}`, '-timeout=10', '-print_final_stats=1']
  const { status } = spawnSync('cargo', [...fuzz, ...limits], { stdio: 'inherit' })
  if (status !== 0) process.exit(1)
}
