import { spawnSync } from 'node:child_process'

/** On Windows npm is a script: only a shell can start it. */
const shell = process.platform === 'win32'

/**
 * Runs a program to its end. Its output is shown, unless `stdio` is 'pipe'.
 *
 * @returns {string} its output, if `stdio` is 'pipe'
 * @throws if the program fails
 */
export function run(command, args, { env, stdio = 'inherit', ...options } = {}) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    shell: shell && command === 'npm',
    maxBuffer: 64 * 1024 * 1024,
    ...options,
    stdio,
    env: { ...process.env, ...env },
  })
  if (error) throw error
  if (status !== 0) {
    throw new Error(
      `${command} ${args.join(' ')} failed (${status})\n${stderr ?? ''}${stdout ?? ''}`,
    )
  }
  return stdout
}

/** Whether a program runs and succeeds. */
export function succeeds(command, args, options) {
  return spawnSync(command, args, { stdio: 'ignore', ...options }).status === 0
}
