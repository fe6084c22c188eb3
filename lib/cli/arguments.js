// Reads the arguments of a command.

'use strict'

const { parseArgs } = require('node:util')
const { UsageError } = require('./errors.js')

/**
 * @typedef {NonNullable<import('node:util').ParseArgsConfig['options']>} Options
 * @typedef {Record<string, any>} Values The options by their names.
 * @typedef {{ values: Values, operands: string[], command: string[] }} Arguments
 */

/**
 * @param {string[]} args
 * @param {{ options: Options, operands?: number, takesCommand?: boolean }} command
 * @returns {Arguments}
 */
function parse(args, { options, operands = 0, takesCommand = false }) {
  const end = takesCommand && args.includes('--') ? args.indexOf('--') : args.length
  const parsed = parseOptions(args.slice(0, end), options)
  const { help } = parsed.values
  if (parsed.positionals.length > operands && !help) {
    const hint = takesCommand ? ' Write the command after "--".' : ''
    throw new UsageError(`Unexpected argument: ${parsed.positionals[operands]}.${hint}`)
  }
  const command = args.slice(end + 1)
  if (takesCommand && command.length === 0 && !help) {
    throw new UsageError('The command is missing: write it after "--".')
  }
  return { values: parsed.values, operands: parsed.positionals, command }
}

/** @param {string[]} args @param {Options} options */
function parseOptions(args, options) {
  try {
    return parseArgs({
      args,
      options: { ...options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    })
  } catch (error) {
    // Node's message has a second sentence about positional arguments, which does not help here.
    if (error instanceof TypeError) throw new UsageError(`${error.message.split('. ')[0]}.`)
    throw error
  }
}

/** @param {string | undefined} text @param {string} name @param {number} fallback */
function port(text, name, fallback) {
  if (text === undefined) return fallback
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) {
    throw new UsageError(`${name} must be a port from 0 to 65535; 0 means any free port.`)
  }
  return Number(text)
}

/**
 * Reads a file with environment variables, as `node --env-file` does. Variables that are already set
 * keep their values. The option is not called --env-file: Node.js 20 reads that option itself, even
 * after the name of the script.
 *
 * @param {string | undefined} file
 */
function loadEnvironment(file) {
  if (file === undefined) return
  if (!process.loadEnvFile) {
    throw new UsageError('--env needs Node.js 20.12 or newer. Set the variables yourself.')
  }
  try {
    process.loadEnvFile(file)
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error)
    throw new UsageError(`--env: ${file} cannot be read (${code}).`)
  }
}

exports.loadEnvironment = loadEnvironment
exports.parse = parse
exports.port = port
