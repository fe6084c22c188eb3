// `velt-auth doctor`: checks everything that a token needs, and says what to do.

'use strict'

const { loadEnvironment } = require('../arguments.js')
const { printJson } = require('../output.js')
const { connect } = require('./connection.js')
const environment = require('./environment.js')
const network = require('./network.js')
const platform = require('./platform.js')
const { permissionProvider } = require('./provider.js')
const { redisChecks } = require('./redis.js')
const { printResult, printSummary, printTitle } = require('./report.js')
const { failure, skipped } = require('./result.js')
const { readSettings, variable } = require('./settings.js')
const workspace = require('./workspace.js')

/**
 * @typedef {import('./result.js').Result} Result
 * @typedef {import('./settings.js').Settings} Settings
 * @typedef {AsyncGenerator<Result> | Generator<Result>} Results
 * @typedef {Result & { group: string }} GroupedResult
 */

const help = `Usage: velt-auth doctor [options]

Checks this machine, the environment, the network, your Velt account and Redis. Each check is a
line; a warning or a failure has a second line that says what to do. It changes nothing at Velt. In
Redis it writes three keys that last a second. Of a secret it shows only the last four characters.

Options
  --domain <domain>             checks that Velt allows this domain
  --permission-provider <url>   asks this permission provider (default: the one in the console)
  --redis <url>                 checks this Redis (default: REDIS_URL)
  --ca <file>                   trusts the certificates in this PEM file instead of the default
                                ones, as the option ca of the client does
  --env <file>                  reads environment variables from a file such as .env
  --json                        prints { "ok", "checks": [{ group, name, status, detail, cure }] }

A check is ok, warning, failure or skipped. The exit code is 1 if a check failed.

Environment
  VELT_API_KEY, VELT_AUTH_TOKEN, VELT_BASE_URL, HTTPS_PROXY, NO_PROXY, NODE_EXTRA_CA_CERTS,
  REDIS_URL

Examples
  npx velt-auth doctor --env .env --domain app.example.com
  REDIS_URL=redis://localhost:6379 npx velt-auth doctor --json`

/** @type {import('../arguments.js').Options} */
const options = {
  domain: { type: 'string' },
  'permission-provider': { type: 'string' },
  redis: { type: 'string' },
  ca: { type: 'string' },
  env: { type: 'string' },
  json: { type: 'boolean' },
}

/** @param {import('../arguments.js').Arguments} given */
async function run({ values }) {
  loadEnvironment(values.env)
  const settings = readSettings(values.ca)
  /** @type {GroupedResult[]} */
  const results = []
  /** @type {[string, Results][]} */
  const groups = [
    ['Platform', platformChecks()],
    ['Environment', environmentChecks(settings)],
    ['Network', networkChecks(settings)],
    ['Velt', veltChecks(settings, values, results)],
    ['Redis', redisChecks(values.redis ?? variable('REDIS_URL'), settings.ca)],
  ]
  for (const [group, checks] of groups) {
    if (!values.json) printTitle(group)
    for await (const result of checks) {
      results.push({ group, ...result })
      if (!values.json) printResult(result)
    }
  }
  const ok = results.every(({ status }) => status !== 'failure')
  if (values.json) printJson({ ok, checks: results })
  else printSummary(results)
  return ok ? 0 : 1
}

/** @returns {Results} */
function* platformChecks() {
  yield platform.nodeVersion()
  yield platform.addon()
}

/** @param {Settings} settings @returns {Results} */
function* environmentChecks(settings) {
  yield environment.apiKey(settings)
  yield environment.authToken(settings)
  yield environment.clientOptions(settings)
}

/** @param {Settings} settings @returns {Results} */
async function* networkChecks({ route }) {
  if (!route) {
    yield failure(
      'URL',
      'VELT_BASE_URL or HTTPS_PROXY is invalid.',
      'VELT_BASE_URL must begin with https:// (http:// only for this machine), and HTTPS_PROXY ' +
        'with http:// or https://.',
    )
    return
  }
  const attempt = await connect(route)
  yield network.dns(route, attempt)
  yield network.tcp(route, attempt)
  yield network.proxy(route, attempt)
  yield network.tls(route, attempt)
  attempt.socket?.destroy()
}

/**
 * @param {Settings} settings
 * @param {import('../arguments.js').Values} values
 * @param {GroupedResult[]} earlier the results of the earlier groups
 * @returns {Results}
 */
async function* veltChecks(settings, { domain, 'permission-provider': providerUrl }, earlier) {
  if (earlier.some(({ group, status }) => group === 'Network' && status === 'failure')) {
    yield skipped('credentials', 'Velt cannot be reached: see Network.')
    return
  }
  if (!settings.apiKey || !settings.authToken) {
    yield skipped('credentials', 'They are not set.')
    return
  }
  const config = await workspace.readWorkspace(settings, 'apikeyconfig')
  yield workspace.credentials(config)
  yield workspace.clock(config)
  if (config.problem) return
  yield workspace.requireJwtToken(config)
  yield workspace.allowedDomain(await workspace.readWorkspace(settings, 'domains'), domain)
  const provider = await workspace.readWorkspace(settings, 'permissionproviderconfig')
  yield await permissionProvider(provider, providerUrl, settings.ca)
}

exports.help = help
exports.options = options
exports.run = run
