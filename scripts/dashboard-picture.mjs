// `node scripts/dashboard-picture.mjs`: makes docs/dashboard.svg from `client.stats()`, read twice a second
// during a real run against the emulator: 20 calls per second for 12 users whose tokens live 6 seconds,
// and an outage of Velt.

import { writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { VeltAuthClient } from 'velt-auth'
import { startEmulator } from 'velt-auth/emulator'

const INTERVAL = 500
const SAMPLES = 50
/** The samples between which Velt fails. */
const OUTAGE = [18, 34]

const WIDTH = 800
const LEFT = 50
const RIGHT = 130
const HEIGHT = 90
const STEP = 140
const TOP = 84

async function record() {
  const emulator = await startEmulator({ tokenLifetime: 6000 })
  const { url: baseUrl, apiKey, authToken } = emulator
  const client = new VeltAuthClient({ baseUrl, apiKey, authToken, maxAttempts: 2, deadline: 2000 })
  let calls = 0
  const load = setInterval(() => {
    calls += 1
    client.getToken(`user-${calls % 12}`, { minValidity: 0 }).catch(() => {})
  }, 50)
  const samples = []
  for (let index = 0; index <= SAMPLES; index += 1) {
    if (index === OUTAGE[0]) emulator.fault({ status: 503, times: Infinity })
    if (index === OUTAGE[1]) emulator.reset()
    samples.push({ at: performance.now(), ...client.stats() })
    await pause(INTERVAL)
  }
  clearInterval(load)
  client.close()
  await emulator.close()
  return samples
}

const failed = ({ failures }) => Object.values(failures).reduce((sum, count) => sum + count, 0)
const STATES = { closed: 0, 'half-open': 0.5, open: 1 }

const PANELS = [
  {
    title: 'Calls per second',
    lines: { hits: ({ hits }) => hits, 'failures (all codes)': failed },
  },
  {
    title: 'Requests to Velt, and refreshes that began, per second',
    lines: { upstreamRequests: (stats) => stats.upstreamRequests, refreshes: (s) => s.refreshes },
  },
  {
    title: 'Circuit breaker: 1 is open',
    isState: true,
    lines: { circuitBreaker: ({ circuitBreaker }) => STATES[circuitBreaker] },
  },
]
const COLORS = ['#0969da', '#cf222e']

/** The values of a line: the growth per second, or the state. */
function values(samples, read, isState) {
  return samples.slice(1).map((sample, index) => {
    const before = samples[index]
    if (isState) return read(sample)
    return ((read(sample) - read(before)) * 1000) / (sample.at - before.at)
  })
}

function panel({ title, lines, isState }, index, samples) {
  const top = TOP + index * STEP
  const series = Object.entries(lines).map(([name, read]) => [name, values(samples, read, isState)])
  const highest = Math.max(1, ...series.flatMap(([, points]) => points))
  const x = (point) => LEFT + ((WIDTH - LEFT - RIGHT) * point) / (SAMPLES - 1)
  const y = (value) => top + HEIGHT - (HEIGHT * value) / highest
  const outage = `<rect x="${x(OUTAGE[0])}" y="${top}" width="${x(OUTAGE[1]) - x(OUTAGE[0])}" height="${HEIGHT}" fill="#fff1e5"/>`
  const drawn = series.map(([name, points], line) => {
    const path = points.map((value, point) => `${x(point).toFixed(1)} ${y(value).toFixed(1)}`)
    const label = `<text x="${WIDTH - RIGHT + 8}" y="${top + 14 + 18 * line}" fill="${COLORS[line]}">${name}</text>`
    return `<path d="M${path.join('L')}" fill="none" stroke="${COLORS[line]}" stroke-width="1.5"/>${label}`
  })
  return `  <text x="20" y="${top - 10}" font-weight="600" fill="#1f2328">${title}</text>
  ${outage}
  <path d="M${LEFT} ${top}V${top + HEIGHT}H${WIDTH - RIGHT}" fill="none" stroke="#8c959f"/>
  <text x="${LEFT - 6}" y="${top + 10}" text-anchor="end" fill="#59636e">${Math.round(highest)}</text>
  <text x="${LEFT - 6}" y="${top + HEIGHT}" text-anchor="end" fill="#59636e">0</text>
  ${drawn.join('\n  ')}`
}

function picture(samples) {
  const height = TOP + PANELS.length * STEP - 20
  const seconds = (SAMPLES * INTERVAL) / 1000
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">
  <title>client.stats() during an outage of Velt</title>
  <rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
  <text x="20" y="28" font-size="15" font-weight="600" fill="#1f2328">client.stats() during an outage of Velt</text>
  <text x="20" y="48" fill="#59636e">${seconds} seconds, 20 calls per second; in the shaded time the emulator responds with 503</text>
${PANELS.map((one, index) => panel(one, index, samples)).join('\n')}
</svg>
`
}

writeFileSync(new URL('../docs/dashboard.svg', import.meta.url), picture(await record()))
