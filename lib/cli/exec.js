// `velt-auth exec`: runs a command with the emulator.

'use strict'

const { spawn } = require('node:child_process')
const { constants } = require('node:os')
const { isatty } = require('node:tty')
const { CommandError } = require('./errors.js')
const { emulatorOptions, environmentFor, start } = require('./start-emulator.js')

const help = `Usage: velt-auth exec [options] -- <command> [arguments]

Starts the emulator, runs the command with VELT_BASE_URL, VELT_API_KEY and VELT_AUTH_TOKEN, stops
the emulator, and exits with the exit code of the command. If a signal ended the command, the exit
code is 128 plus the number of the signal, as in a shell.

Options
  --port <number>        the TCP port of the emulator (default: any free port)
  --api-key <key>        the API key that it accepts (default: emulator-api-key)
  --auth-token <token>   the auth token that it accepts (default: emulator-auth-token)
  --fault <json>         makes the next requests fail; can be repeated

Examples
  npx velt-auth exec -- node --test
  npx velt-auth exec --fault '{"status": 503, "times": 2}' -- python -m pytest`

/** Signals that are passed on to the command. */
const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])

/** @param {import('./arguments.js').Arguments} given */
async function run({ values, command }) {
  const emulator = await start(values, { defaultPort: 0 })
  try {
    return await runCommand(command, { ...process.env, ...environmentFor(emulator) })
  } finally {
    await emulator.close()
  }
}

/**
 * @param {string[]} command
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>} its exit code
 */
function runCommand([program, ...args], env) {
  const child = spawn(program, args, { stdio: 'inherit', env })
  for (const signal of SIGNALS) process.on(signal, passOn)
  /** @param {NodeJS.Signals} signal */
  function passOn(signal) {
    // A terminal sends the SIGINT of Ctrl+C to the command too. A second one would kill some programs.
    if (signal !== 'SIGINT' || !isInTerminal()) child.kill(signal)
  }
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(startFailure(error, program)))
    child.once('exit', (code, signal) => {
      for (const each of SIGNALS) process.off(each, passOn)
      resolve(code ?? 128 + constants.signals[/** @type {NodeJS.Signals} */ (signal)])
    })
  })
}

/** Whether stdin, stdout or stderr is a terminal: the others may be files or pipes. */
function isInTerminal() {
  return [0, 1, 2].some((descriptor) => isatty(descriptor))
}

/** @param {NodeJS.ErrnoException} error @param {string} program */
function startFailure({ code }, program) {
  const reason = code === 'ENOENT' ? 'it was not found in PATH' : `${code}`
  const hint =
    process.platform === 'win32' ? ' On Windows, run scripts such as npm with: cmd /c npm test' : ''
  return new CommandError(`The command ${program} cannot be started: ${reason}.${hint}`)
}

exports.help = help
exports.options = emulatorOptions
exports.run = run
exports.takesCommand = true
