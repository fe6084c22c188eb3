// Programs that tests drive for real; `scripts/tools.mjs` installs them in CI.

import { spawnSync } from 'node:child_process'
import { isRequired } from '../../scripts/required.mjs'

/** Options for a test that needs `tool`: in CI it must be there, on a laptop the test is skipped. */
export function needs(tool) {
  const isThere = spawnSync(tool, ['--version'], { stdio: 'ignore' }).status === 0
  return isThere || isRequired ? {} : { skip: `${tool} is not installed` }
}
