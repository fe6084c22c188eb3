// Mutation testing: changes the code in many small ways, and runs the tests for each change. A change that
// no test notices ("missed", "survived") shows what is not tested.
//
// `npm run mutants -- rust` changes the core with cargo-mutants (`cargo install cargo-mutants`), and
// `npm run mutants -- handlers` changes the endpoints with Stryker. More arguments go to the program. Both
// take hours. CONTRIBUTING.md has an example.

import { join } from 'node:path'
import { run } from '../release/run.mjs'
import { npm } from '../release/tools.mjs'

const CORE = [
  'src/core/cache/**/*.rs',
  'src/core/velt/circuit_breaker.rs',
  'src/core/velt/credentials.rs',
  'src/core/velt/credentials/*.rs',
  'src/core/velt/retry.rs',
]

const PROGRAMS = {
  rust(args) {
    const files = CORE.flatMap((file) => ['--file', file])
    const options = ['--no-default-features', '--output', 'target', '--cargo-arg', '--lib']
    run('cargo', ['mutants', '--no-shuffle', '--timeout', '300', ...options, ...files, ...args], {
      // Most of the time is compilation, so the tests are less optimized, and the simulation is short.
      env: {
        VELT_SIM_SEEDS: '300',
        CARGO_PROFILE_TEST_OPT_LEVEL: '1',
        CARGO_PROFILE_TEST_DEBUG: '0',
      },
    })
  },
  handlers(args) {
    const versions = { '@stryker-mutator/core': '^9.6.1', '@stryker-mutator/tap-runner': '^9.6.1' }
    const stryker = join(npm('stryker', versions), 'node_modules', '.bin', 'stryker')
    run(stryker, ['run', 'scripts/mutants/stryker.json', ...args])
  },
}

const [name, ...args] = process.argv.slice(2)
PROGRAMS[name](args)
