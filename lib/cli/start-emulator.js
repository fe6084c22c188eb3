// The emulator for the commands `emulator` and `exec`.

'use strict'

const { port } = require('./arguments.js')
const { CommandError, UsageError } = require('./errors.js')

/** @typedef {import('../emulator/index.js').RecordedRequest} RecordedRequest */

/** @type {import('./arguments.js').Options} */
const emulatorOptions = {
  port: { type: 'string' },
  'api-key': { type: 'string' },
  'auth-token': { type: 'string' },
  fault: { type: 'string', multiple: true },
}

/**
 * Starts the emulator with the options of the command line.
 *
 * @param {import('./arguments.js').Values} values
 * @param {{ defaultPort: number, host?: string, onRequest?: (request: RecordedRequest) => void }} more
 */
async function start(values, { defaultPort, host, onRequest }) {
  const { startEmulator } = require('../emulator/index.js')
  const options = {
    port: port(values.port, '--port', defaultPort),
    host,
    apiKey: values['api-key'],
    authToken: values['auth-token'],
    onRequest,
  }
  const emulator = await startEmulator(options).catch((error) => {
    throw startFailure(error, options)
  })
  try {
    for (const json of values.fault ?? []) emulator.fault(parseFault(json))
  } catch (error) {
    await emulator.close()
    throw error instanceof TypeError ? new UsageError(`--fault: ${error.message}.`) : error
  }
  return emulator
}

/** @param {string} json */
function parseFault(json) {
  const { faultFromJson } = require('../emulator/fault-from-json.js')
  try {
    return faultFromJson(JSON.parse(json))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new UsageError(`--fault must be JSON, such as '{"status": 503, "times": 2}'.`)
  }
}

/** @param {NodeJS.ErrnoException} error @param {{ port: number, host?: string }} options */
function startFailure(error, { port, host = '127.0.0.1' }) {
  if (error instanceof TypeError) return new UsageError(`${error.message}.`)
  if (error.code === 'EADDRINUSE') {
    return new CommandError(
      `Port ${port} is already in use. Stop the program that uses it, or choose another port with ` +
        '--port. With --port 0, the emulator takes any free port.',
    )
  }
  if (error.code === 'EACCES') {
    return new CommandError(
      `This user may not listen on port ${port}. Choose a port from 1024 up with --port.`,
    )
  }
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') {
    return new CommandError(`This machine has no address ${host}. Choose another one with --host.`)
  }
  return error
}

/** The environment variables that make the client use the emulator. @param {import('../emulator/index.js').Emulator} emulator */
function environmentFor({ url, apiKey, authToken }) {
  return { VELT_BASE_URL: url, VELT_API_KEY: apiKey, VELT_AUTH_TOKEN: authToken }
}

exports.emulatorOptions = emulatorOptions
exports.environmentFor = environmentFor
exports.start = start
