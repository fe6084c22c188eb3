// `node bench/observing.mjs`, after `npm run bench` has installed the package: the CPU time of a call when
// nobody subscribes, when empty functions subscribe to all channels, and with OpenTelemetry's SDK.
// `node bench/observing.mjs <folder>` compares this version and the one in the folder (a checkout with its
// addon), while nobody subscribes. All are measured in turns in one process, so that a busy machine slows
// all of them.

import { spawn } from 'node:child_process'
import { channel, tracingChannel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node'

const ROUNDS = 20
/** How many calls are measured together. */
const CALLS = { hit: 20_000, request: 1_000 }

const require = createRequire(import.meta.url)
const installed = require.resolve('velt-auth')
const { VeltAuthInstrumentation } = require('velt-auth/otel')

const emulator = spawn(
  process.execPath,
  [
    require.resolve('velt-auth/package.json').replace('package.json', 'lib/cli/main.js'),
    'emulator',
    '--port',
    '0',
    '--json',
  ],
  { stdio: ['ignore', 'pipe', 'ignore'] },
)
const [printed] = await once(emulator.stdout.setEncoding('utf8'), 'data')
const {
  VELT_BASE_URL: baseUrl,
  VELT_API_KEY: apiKey,
  VELT_AUTH_TOKEN: authToken,
} = JSON.parse(printed)

const clientOf = (path) => new (require(path).VeltAuthClient)({ baseUrl, apiKey, authToken })
const client = clientOf(installed)

/** What runs before the calls, and returns what ends it. */
const nobody = () => () => {}

function emptyFunctions() {
  const listener = () => {}
  const { start, end, asyncStart, asyncEnd, error } = tracingChannel('velt-auth:token')
  const channels = [start, end, asyncStart, asyncEnd, error]
  channels.push(channel('velt-auth:request'), channel('velt-auth:cache'))
  for (const each of channels) each.subscribe(listener)
  return () => {
    for (const each of channels) each.unsubscribe(listener)
  }
}

/** Without the cost of an exporter. */
const exporter = { export: (_, done) => done({ code: 0 }), shutdown: async () => {} }
const instrumentation = new VeltAuthInstrumentation({ enabled: false })
instrumentation.setTracerProvider(
  new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] }),
)
instrumentation.setMeterProvider(new MeterProvider())

function openTelemetry() {
  instrumentation.enable()
  return () => instrumentation.disable()
}

const SUBJECTS = {
  'nobody subscribes': { client, observe: nobody },
  // The difference between these two is the accuracy.
  'nobody subscribes, once more': { client, observe: nobody },
}
const [folder] = process.argv.slice(2)
if (folder) {
  const other = clientOf(resolve(folder, 'index.js'))
  SUBJECTS['other version'] = { client: other, observe: nobody }
} else {
  SUBJECTS['empty functions'] = { client, observe: emptyFunctions }
  SUBJECTS.OpenTelemetry = { client, observe: openTelemetry }
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc')

/** The CPU time of all threads for a call, in microseconds. */
async function measure({ client, observe }, kind) {
  collectGarbage() // of the calls before
  const stop = observe()
  const start = process.cpuUsage()
  for (let call = 0; call < CALLS[kind]; call += 1) {
    await (kind === 'hit' ? client.getToken('ada') : client.generateToken('bob'))
  }
  const { user, system } = process.cpuUsage(start)
  stop()
  return (user + system) / CALLS[kind]
}

function quantile(values, share) {
  return values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))]
}

const names = Object.keys(SUBJECTS)

for (const kind of Object.keys(CALLS)) {
  const rounds = []
  for (let round = 0; round <= ROUNDS; round += 1) {
    const times = {}
    // Each round begins with another subject, because one may slow the next.
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(round + turn) % names.length]
      times[name] = await measure(SUBJECTS[name], kind)
    }
    if (round > 0) rounds.push(times) // the first round warms up
  }
  console.log(`\n${kind.padEnd(34)} µs per call   times the first line: median (10 % to 90 %)`)
  for (const name of names) {
    const time = quantile(
      rounds.map((times) => times[name]),
      0.5,
    )
    const ratios = rounds.map((times) => times[name] / times[names[0]])
    const [low, middle, high] = [0.1, 0.5, 0.9].map((share) => quantile(ratios, share).toFixed(2))
    const numbers = `${time.toFixed(1).padStart(8)}      ${middle} (${low} to ${high})`
    console.log(`${name.padEnd(34)} ${numbers}`)
  }
}
emulator.kill()
process.exit()
