// The contenders, the scenarios and the bars that velt-auth must reach, all as data.

export const CONTENDERS = {
  guide: "fetch (Velt's guide)",
  undici: 'undici Pool.request',
  'undici-64': 'undici, 64 connections',
  'undici-128': 'undici, 128 connections',
  axios: 'axios',
  got: 'got',
  impit: 'impit',
  'velt-auth': 'velt-auth generateToken',
  'velt-auth-timeout': 'velt-auth, timeout 250 ms',
  'velt-auth-cached': 'velt-auth getToken, cached',
  'velt-py': 'velt-py, in threads',
  floor: 'reqwest in pure Rust',
  nothing: 'no request (baseline)',
}

const CLIENTS = ['guide', 'undici', 'axios', 'got', 'impit', 'velt-auth', 'floor']
const WITH_PYTHON = [...CLIENTS, 'velt-py']
const THROUGHPUT = [
  'callsPerSecond',
  'mainCpuPerCall',
  'cpuPerCall',
  'latencyP50',
  'latencyP99',
  'delayP50',
  'delayP99',
  'delayMax',
  'rss',
]

const FAR = ['guide', 'undici', 'undici-64', 'undici-128', 'impit', 'velt-auth']

/** A server at a distance of 50 ms (round trip), from which a number of users get their first token. */
const burst = (callers, settings = {}) => ({
  name: `far-${callers}${settings.http1Only ? '-http1' : ''}`,
  title:
    `${callers === 1 ? 'One user' : `${callers.toLocaleString('en-US')} users at once`} in a new process, ` +
    `50 ms away${settings.http1Only ? ', HTTP/1.1 only' : ''}`,
  kind: 'burst',
  callers,
  server: { distance: 25, ...settings },
  contenders: FAR,
  metrics: ['allTokens', 'connections', 'cpuPerCall', 'rss'],
})

const steady = (settings = {}) => ({
  name: `far-steady${settings.http1Only ? '-http1' : ''}`,
  title: `64 callers, 50 ms away${settings.http1Only ? ', HTTP/1.1 only' : ''}`,
  kind: 'calls',
  callers: 64,
  server: { distance: 25, ...settings },
  contenders: FAR,
  metrics: [
    'callsPerSecond',
    'latencyP50',
    'latencyP99',
    'connections',
    'mainCpuPerCall',
    'cpuPerCall',
  ],
})

/**
 * `kind` chooses how to run a scenario (see `run/contender.mjs`). `server` has the settings for the
 * server of `rust/`; times are in milliseconds. `times` multiplies the duration, where a scenario needs
 * more calls than the others. `rounds` limits the number of rounds. `failing`: calls are expected to
 * fail.
 */
export const SCENARIOS = [
  burst(1),
  burst(64),
  burst(1000),
  steady(),
  burst(1000, { http1Only: true }),
  steady({ http1Only: true }),
  {
    name: 'callers-1',
    title: 'One caller',
    kind: 'calls',
    callers: 1,
    contenders: WITH_PYTHON,
    metrics: THROUGHPUT,
  },
  {
    name: 'callers-64',
    title: '64 callers',
    kind: 'calls',
    callers: 64,
    contenders: WITH_PYTHON,
    metrics: THROUGHPUT,
  },
  {
    name: 'callers-512',
    title: '512 callers',
    kind: 'calls',
    callers: 512,
    contenders: CLIENTS,
    metrics: THROUGHPUT,
  },
  {
    name: 'upstream-50ms',
    title: '200 callers, 50 ms upstream',
    kind: 'calls',
    callers: 200,
    server: { delay: 50 },
    contenders: ['guide', 'undici', 'impit', 'velt-auth', 'floor'],
    metrics: THROUGHPUT,
  },
  {
    name: 'stalls',
    title: '64 callers, 10 ms upstream, 1% of the responses 2 s late',
    kind: 'calls',
    callers: 64,
    times: 2,
    rounds: 3,
    server: { delay: 10, stallShare: 0.01, stall: 2000 },
    contenders: ['guide', 'undici', 'velt-auth', 'velt-auth-timeout'],
    // Not p99: it lies on the edge between the stalled 1% and the other responses.
    metrics: ['latencyP995', 'latencyP50'],
  },
  {
    name: 'errors',
    title: '64 callers, 10 ms upstream, 5% of the responses are a 503',
    kind: 'calls',
    callers: 64,
    rounds: 3,
    server: { delay: 10, errorShare: 0.05 },
    failing: true,
    contenders: ['guide', 'undici', 'velt-auth'],
    metrics: ['failedShare', 'callsPerSecond', 'latencyP50', 'latencyP99'],
  },
  {
    name: 'cache-hits',
    title: 'Cache hits, 64 callers',
    kind: 'calls',
    callers: 64,
    contenders: ['guide', 'velt-auth-cached', 'nothing'],
    metrics: ['callsPerSecond', 'mainCpuPerCall', 'cpuPerCall', 'rss'],
  },
  {
    name: 'cold-start',
    title: 'Cold start: a new process gets one token',
    kind: 'cold',
    contenders: ['guide', 'undici', 'axios', 'got', 'impit', 'velt-auth', 'nothing'],
    metrics: ['firstToken', 'importTime'],
  },
  {
    name: 'express',
    title: 'An Express endpoint under autocannon, 64 connections',
    kind: 'express',
    callers: 64,
    contenders: ['guide', 'velt-auth', 'velt-auth-cached'],
    metrics: ['callsPerSecond', 'mainCpuPerCall', 'cpuPerCall', 'latencyP50', 'latencyP99', 'rss'],
  },
]

export const METRICS = {
  allTokens: { title: 'ms until all have a token', digits: 0, best: 'least' },
  connections: { title: 'connections', digits: 0, best: 'least' },
  callsPerSecond: { title: 'calls/s', digits: 0, best: 'most' },
  mainCpuPerCall: { title: 'main thread µs/call', digits: 1, best: 'least' },
  cpuPerCall: { title: 'all threads µs/call', digits: 1, best: 'least' },
  latencyP50: { title: 'p50 ms', digits: 2, best: 'least' },
  latencyP99: { title: 'p99 ms', digits: 2, best: 'least' },
  latencyP995: { title: 'p99.5 ms', digits: 2, best: 'least' },
  failedShare: { title: 'failed calls %', digits: 2, best: 'least' },
  delayP50: { title: 'loop delay p50 ms', digits: 2, best: 'least' },
  delayP99: { title: 'loop delay p99 ms', digits: 2, best: 'least' },
  delayMax: { title: 'loop delay max ms', digits: 1, best: 'least' },
  rss: { title: 'peak RSS MB', digits: 0, best: 'least' },
  firstToken: { title: 'start to first token ms', digits: 0, best: 'least' },
  importTime: { title: 'import ms', digits: 1, best: 'least' },
}

const uncached = 'velt-auth'
const cached = 'velt-auth-cached'

/** The `metric` of the contender `of`, divided by that of `to` (if named), is within the limit. */
export const BARS = [
  { in: 'far-1', metric: 'allTokens', of: uncached, to: 'undici', atMost: 1 },
  { in: 'far-1000', metric: 'allTokens', of: uncached, to: 'undici', atMost: 0.12 },
  { in: 'far-1000', metric: 'allTokens', of: uncached, to: 'undici-64', atMost: 0.4 },
  { in: 'far-1000', metric: 'connections', of: uncached, atMost: 16 },
  { in: 'far-steady', metric: 'callsPerSecond', of: uncached, to: 'undici', atLeast: 1 },
  { in: 'far-1000-http1', metric: 'allTokens', of: uncached, to: 'undici-128', atMost: 1 },
  { in: 'far-steady-http1', metric: 'callsPerSecond', of: uncached, to: 'undici', atLeast: 1 },
  { in: 'callers-64', metric: 'callsPerSecond', of: uncached, to: 'guide', atLeast: 8 },
  { in: 'callers-64', metric: 'callsPerSecond', of: uncached, to: 'undici', atLeast: 1.6 },
  { in: 'callers-64', metric: 'mainCpuPerCall', of: uncached, to: 'guide', atMost: 1 / 30 },
  { in: 'callers-64', metric: 'mainCpuPerCall', of: uncached, to: 'undici', atMost: 0.1 },
  { in: 'callers-64', metric: 'cpuPerCall', of: uncached, to: 'floor', atMost: 1.35 },
  { in: 'callers-1', metric: 'latencyP50', of: uncached, to: 'undici', atMost: 0.9 },
  { in: 'cache-hits', metric: 'mainCpuPerCall', of: cached, atMost: 2 },
  { in: 'cache-hits', metric: 'callsPerSecond', of: cached, to: 'guide', atLeast: 200 },
  { in: 'upstream-50ms', metric: 'delayP99', of: uncached, to: 'guide', atMost: 1 / 5 },
  { in: 'upstream-50ms', metric: 'rss', of: uncached, to: 'guide', atMost: 1 / 2 },
  { in: 'cold-start', metric: 'firstToken', of: uncached, to: 'guide', atMost: 0.6 },
  { in: 'express', metric: 'callsPerSecond', of: uncached, to: 'guide', atLeast: 4 },
  { in: 'express', metric: 'latencyP99', of: uncached, to: 'guide', atMost: 1 },
  { in: 'express', metric: 'callsPerSecond', of: cached, to: 'guide', atLeast: 6 },
  { in: 'express', metric: 'latencyP99', of: cached, to: 'guide', atMost: 1 },
]
