// `velt-auth emulator`: runs the emulator until it is stopped.

'use strict'

const { printJson, style } = require('./output.js')
const { emulatorOptions, environmentFor, start } = require('./start-emulator.js')

/** @typedef {import('../emulator/index.js').RecordedRequest} RecordedRequest */

const help = `Usage: velt-auth emulator [options]

Runs an emulator of Velt's API on this machine, until you press Ctrl+C. It prints the environment
variables for your server, and then each request in a line.

Options
  --port <number>        the TCP port; 0 means any free port (default: 8484)
  --host <address>       the address to listen on (default: 127.0.0.1)
  --api-key <key>        the API key that it accepts (default: emulator-api-key)
  --auth-token <token>   the auth token that it accepts (default: emulator-auth-token)
  --fault <json>         makes the next requests fail; can be repeated
  --json                 prints the variables as JSON

Faults have the fields of docs/emulator.md; "times": "always" means all requests.
While it runs, POST /_emulator/faults adds a fault, POST /_emulator/reset removes all faults and
requests, POST /_emulator/verify checks a token, and GET /_emulator/requests lists the requests.

Examples
  npx velt-auth emulator --port 4000
  npx velt-auth emulator --fault '{"error": {"status": "UNAVAILABLE"}, "times": 3}'
  curl -H 'content-type: application/json' -d '{"status": 503}' localhost:8484/_emulator/faults`

/** @type {import('./arguments.js').Options} */
const options = { ...emulatorOptions, host: { type: 'string' }, json: { type: 'boolean' } }

const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])

/** How many requests the emulator keeps, so that its memory is limited. */
const MAX_REQUESTS = 1000

/** @param {import('./arguments.js').Arguments} given */
async function run({ values }) {
  const emulator = await start(values, { defaultPort: 8484, host: values.host, onRequest })
  /** @param {RecordedRequest} request */
  function onRequest(request) {
    logWhenClosed(request)
    const requests = /** @type {RecordedRequest[]} */ (emulator.requests)
    if (requests.length > MAX_REQUESTS) requests.shift()
  }
  const stopped = new Promise((resolve) => {
    for (const signal of SIGNALS) process.once(signal, resolve)
  })
  const environment = environmentFor(emulator)
  if (values.json) printJson(environment)
  else {
    for (const [name, value] of Object.entries(environment)) {
      console.log(`export ${name}=${quoted(value)}`)
    }
  }
  console.error(`The emulator listens on ${emulator.url}. Ctrl+C stops it.`)
  await stopped
  await emulator.close()
  return 0
}

/** Logs a request when its response is complete. @param {RecordedRequest} request */
async function logWhenClosed(request) {
  const end = await request.closed
  const time = new Date(request.receivedAt).toTimeString().slice(0, 8)
  const status = end === 'answered' ? String(request.status) : 'aborted'
  const colour = status.startsWith('2') ? 'green' : 'red'
  const { userId, user } = /** @type {any} */ (request.body)?.data ?? {}
  const id = userId ?? user?.userId
  const parts = [
    time,
    request.method,
    request.path,
    style(colour, status, process.stderr),
    `${Date.now() - request.receivedAt} ms`,
  ]
  if (id !== undefined) parts.push(`userId=${JSON.stringify(id)}`)
  console.error(parts.join(' '))
}

/** Quotes a value for a POSIX shell, if it needs quotes. @param {string} value */
function quoted(value) {
  return /^[\w.:/@%+=-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`
}

exports.help = help
exports.options = options
exports.run = run
