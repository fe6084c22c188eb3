// Programs that the tests need, such as redis-server. `scripts/tools.mjs` installs them in CI.

import { spawnSync } from 'node:child_process'
import { isRequired } from '../../scripts/required.mjs'

/** Options for a test that needs `tool`. Without it the test is skipped, but not in CI. */
export function needs(tool, versionOption = '--version') {
  const isThere = spawnSync(tool, [versionOption], { stdio: 'ignore' }).status === 0
  return isThere || isRequired ? {} : { skip: `${tool} is not installed` }
}
