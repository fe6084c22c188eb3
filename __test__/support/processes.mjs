// Child processes, and temporary folders for them.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url))

const execute = promisify(execFile)

/** Runs a program in the checkout. Rejects with its output if it fails or times out. */
export async function run(program, args, options) {
  return await execute(program, args, { cwd: CHECKOUT, timeout: 30_000, ...options })
}

/** Makes a folder that is deleted when the test ends. */
export async function temporaryFolder(t) {
  const folder = await mkdtemp(join(tmpdir(), 'velt-auth-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Starts a server for one test, and waits until it prints its URL. */
export async function startServer(t, program, args, { env, ...options } = {}) {
  const server = spawn(program, args, {
    cwd: CHECKOUT,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
    ...options,
  })
  const end = once(server, 'exit')
  t.after(async () => {
    server.kill()
    await end
  })
  for await (const line of createInterface(server.stdout)) {
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0]
    if (url) return url
  }
  throw new Error(`${program} ${args.join(' ')} exited without printing a URL`)
}

/**
 * Runs `source` (an ES module, with the checkout as its folder) in a new Node process. Rejects if it
 * fails, or does not exit within two minutes.
 *
 * @returns {Promise<string>} its standard output
 */
export async function runNode(source, environment = {}, flags = []) {
  const args = [...flags, '--input-type=module', '--eval', source]
  const { stdout } = await run(process.execPath, args, {
    // On Windows, random numbers and sockets need SystemRoot.
    env: { PATH: process.env.PATH, SystemRoot: process.env.SystemRoot, ...environment },
    timeout: 120_000,
  })
  return stdout
}

/** Calls `generateToken('ada')` in a new process. Returns the token or the fields of the error. */
export async function tokenInNewProcess(options, environment) {
  const source = `
    import { VeltAuthClient } from 'velt-auth'
    const client = new VeltAuthClient(${JSON.stringify({ deadline: 3000, ...options })})
    const outcome = await client.generateToken('ada').catch((error) => ({ ...error }))
    console.log(JSON.stringify(outcome))
  `
  return JSON.parse(await runNode(source, environment))
}
