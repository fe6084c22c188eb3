#!/usr/bin/env node
// The command line: `npx velt-auth`. Each command is loaded only when it is used.

'use strict'

const { parse } = require('./arguments.js')
const { CommandError, UsageError } = require('./errors.js')
const { style } = require('./output.js')

/**
 * A command. `options` is as in `util.parseArgs`. `operands` is the highest number of arguments
 * without a name. Only `exec` has a `command`: the arguments after `--`.
 *
 * @typedef {object} Command
 * @property {string} help
 * @property {import('./arguments.js').Options} options
 * @property {number} [operands]
 * @property {boolean} [takesCommand]
 * @property {(given: import('./arguments.js').Arguments) => Promise<number>} run Returns the exit code.
 */

/** @type {Record<string, () => Command>} */
const COMMANDS = {
  doctor: () => require('./doctor/index.js'),
  emulator: () => require('./emulator.js'),
  exec: () => require('./exec.js'),
  token: () => require('./token.js'),
  decode: () => require('./decode.js'),
}

const HELP = `Usage: velt-auth <command> [options]

Commands
  doctor     checks the addon, the environment, the network, your Velt account and Redis
  emulator   runs an emulator of Velt's API on this machine
  exec       runs a command with the emulator, and stops the emulator afterwards
  token      fetches a token for a user
  decode     shows the content of a token

Examples
  npx velt-auth doctor --domain app.example.com
  npx velt-auth exec -- npm test
  npx velt-auth token --user-id ada | npx velt-auth decode

npx velt-auth <command> --help   shows the options of a command
npx velt-auth --version          prints the version

Results go to stdout, everything else to stderr.
Exit codes: 0 done, 1 a check or a call failed, 2 wrong usage.`

/** @param {string[]} args @returns {Promise<number>} the exit code */
async function main([name, ...args]) {
  if (name === '--help' || name === '-h' || name === 'help') {
    console.log(HELP)
    return 0
  }
  if (name === '--version' || name === '-v') {
    console.log(require('../../package.json').version)
    return 0
  }
  if (name === undefined) {
    console.error(HELP)
    return 2
  }
  if (!Object.hasOwn(COMMANDS, name)) {
    throw new UsageError(
      `Unknown command: ${name}. The commands are ${Object.keys(COMMANDS).join(', ')}.`,
    )
  }
  const command = COMMANDS[name]()
  const given = parse(args, command)
  if (given.values.help) {
    console.log(command.help)
    return 0
  }
  return await command.run(given)
}

// The reader of a pipe may close it early, as `head` does.
process.stdout.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
  if (error.code !== 'EPIPE') throw error
})

const args = process.argv.slice(2)
main(args).then(
  (code) => {
    process.exitCode = code
  },
  (error) => {
    if (!(error instanceof UsageError || error instanceof CommandError)) throw error
    console.error(style('red', error.message, process.stderr))
    if (error instanceof UsageError) {
      const help = Object.hasOwn(COMMANDS, args[0] ?? '') ? `${args[0]} --help` : '--help'
      console.error(`"npx velt-auth ${help}" shows how to use it.`)
    }
    process.exitCode = error.exitCode
  },
)
