// Runs all checks and prints their outcomes as one JSON object. Then the process must end by itself.

import { createRequire } from 'node:module'
import * as velt from 'velt-auth'
import checks from './checks.cjs'

const loading = {
  import: () => typeof velt.generateVeltAuthToken === 'function',
  require: () => createRequire(import.meta.url)('velt-auth').VeltAuthClient === velt.VeltAuthClient,
}

const { Bun, Deno, process } = globalThis

/** A function, because a single executable is CommonJS: it cannot have `await` outside of functions. */
async function main() {
  const outcomes = { version: Bun?.version ?? Deno?.version.deno ?? process.version }
  for (const [name, check] of Object.entries({ ...loading, ...checks(velt) })) {
    try {
      const outcome = await check()
      outcomes[name] = outcome === true ? 'ok' : `${outcome}`
    } catch (error) {
      outcomes[name] = `${error}`
    }
  }
  console.log(JSON.stringify(outcomes))
}

main()
