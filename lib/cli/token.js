// `velt-auth token`: fetches a token with the client of this package.

'use strict'

const { loadEnvironment } = require('./arguments.js')
const { UsageError } = require('./errors.js')
const { printJson, style } = require('./output.js')

const help = `Usage: velt-auth token --user-id <id> [options]

Fetches a token for a user from Velt, as your server does. It prints the token.
The token lets its holder act as this user for up to 48 hours.

Options
  --user-id <id>          the user
  --organization <id>     the user's organization
  --email <address>       the user's email address
  --api-version <v1|v2>   the version of Velt's API (default: v2)
  --env <file>            reads environment variables from a file such as .env
  --json                  prints { "token", "expiresAt" }; expiresAt is Unix time in milliseconds

Environment
  VELT_API_KEY, VELT_AUTH_TOKEN, VELT_BASE_URL, HTTPS_PROXY, NO_PROXY, NODE_EXTRA_CA_CERTS

Examples
  npx velt-auth token --env .env --user-id ada --organization acme
  npx velt-auth token --user-id ada | npx velt-auth decode`

/** @type {import('./arguments.js').Options} */
const options = {
  'user-id': { type: 'string' },
  organization: { type: 'string' },
  email: { type: 'string' },
  'api-version': { type: 'string' },
  env: { type: 'string' },
  json: { type: 'boolean' },
}

/** @param {import('./arguments.js').Arguments} given */
async function run({ values }) {
  if (!values['user-id']) throw new UsageError('--user-id is missing.')
  if (!['v1', 'v2', undefined].includes(values['api-version'])) {
    throw new UsageError('--api-version must be v1 or v2.')
  }
  loadEnvironment(values.env)
  const user = {
    userId: values['user-id'],
    organizationId: values.organization,
    email: values.email,
  }
  try {
    const { VeltAuthClient } = require('../client.js')
    const client = new VeltAuthClient({ apiVersion: values['api-version'] })
    const token = await client.generateToken(user)
    client.close()
    if (values.json) printJson(token)
    else console.log(token.token)
    return 0
  } catch (error) {
    printError(/** @type {any} */ (error))
    return 1
  }
}

/** @param {Error & { code?: string, cause?: Error }} error */
function printError({ code, message, cause }) {
  const name = style('red', code ?? 'The addon cannot be loaded', process.stderr)
  console.error(`${name}: ${message}`)
  if (code && cause) console.error(`Cause: ${cause.message}`)
  console.error('"npx velt-auth doctor" finds the reason, and says what to do.')
}

exports.help = help
exports.options = options
exports.run = run
