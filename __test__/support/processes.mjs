// Other processes: what a user's own server would be.

import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url))

const execute = promisify(execFile)

/** Runs a program in the checkout. Rejects with what it printed if it fails, or does not end. */
export async function run(program, args, options) {
  return await execute(program, args, { cwd: CHECKOUT, timeout: 30_000, ...options })
}

/** A folder that is gone when the test ends. */
export async function temporaryFolder(t) {
  const folder = await mkdtemp(join(tmpdir(), 'velt-auth-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/**
 * Runs `source` (an ES module, with the checkout as its folder) in a Node process of its own.
 * Rejects if it fails, or does not end by itself.
 *
 * @returns {Promise<string>} what it printed
 */
export async function runNode(source, environment = {}, flags = []) {
  const args = [...flags, '--input-type=module', '--eval', source]
  const { stdout } = await run(process.execPath, args, {
    env: { PATH: process.env.PATH, ...environment },
    timeout: 120_000,
  })
  return stdout
}

/** What `generateToken('ada')` gives in a process of its own: the token, or the error's fields. */
export async function tokenInNewProcess(options, environment) {
  const source = `
    import { VeltAuthClient } from 'velt-auth'
    const client = new VeltAuthClient(${JSON.stringify({ deadline: 3000, ...options })})
    const outcome = await client.generateToken('ada').catch((error) => ({ ...error }))
    console.log(JSON.stringify(outcome))
  `
  return JSON.parse(await runNode(source, environment))
}
