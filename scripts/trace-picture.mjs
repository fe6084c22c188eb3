// `node scripts/trace-picture.mjs`: makes docs/trace.svg from the spans of a real call against the
// emulator, which Velt's rate limit and a fault make slow.

import { writeFileSync } from 'node:fs'
import { SpanKind, trace } from '@opentelemetry/api'
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node'
import { VeltAuthClient } from 'velt-auth'
import { startEmulator } from 'velt-auth/emulator'
import { VeltAuthInstrumentation } from 'velt-auth/otel'

const WIDTH = 800
const LEFT = 190
const RIGHT = 20
const TOP = 78
const ROW = 46

const COLORS = { [SpanKind.SERVER]: '#59636e', [SpanKind.INTERNAL]: '#0969da' }
const ERROR = '#cf222e'
const SUCCESS = '#1a7f37'

async function record() {
  const exporter = new InMemorySpanExporter()
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register()
  const instrumentation = new VeltAuthInstrumentation()
  const emulator = await startEmulator()
  const { url: baseUrl, apiKey, authToken } = emulator
  const client = new VeltAuthClient({ baseUrl, apiKey, authToken })
  emulator.fault({ status: 503, delay: 350 })
  emulator.fault({ status: 429, delay: 150, retryAfter: 1 })
  emulator.fault({ delay: 250 })
  const options = { kind: SpanKind.SERVER }
  await trace.getTracer('app').startActiveSpan('GET /api/velt/token', options, async (span) => {
    await client.getToken('ada')
    span.end()
  })
  client.close()
  instrumentation.disable()
  await emulator.close()
  return exporter.getFinishedSpans()
}

const milliseconds = ([seconds, nanoseconds]) => seconds * 1000 + nanoseconds / 1e6
const format = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`

function details({ attributes }) {
  const timings = ['queue', 'connect', 'first_byte', 'body']
    .map((part) => [part.replace('_', ' '), attributes[`velt_auth.timing.${part}`]])
    .filter(([, seconds]) => seconds !== undefined)
    .map(([part, seconds]) => `${part} ${format(seconds * 1000)}`)
  const facts = [
    ['status', attributes['http.response.status_code']],
    ['resend', attributes['http.request.resend_count']],
    ['Retry-After', attributes['velt_auth.retry_after'] && '1 s'],
    ['cache', attributes['velt_auth.cache']],
  ]
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${value}`)
  return [...facts, ...timings].join(' · ')
}

function picture(spans) {
  const root = spans.find(({ kind }) => kind === SpanKind.SERVER)
  const sorted = [...spans].sort(
    (a, b) => milliseconds(a.startTime) - milliseconds(b.startTime) || a.kind - b.kind,
  )
  const ordered = [root, ...sorted.filter((span) => span !== root)]
  const began = milliseconds(root.startTime)
  const scale = (WIDTH - LEFT - RIGHT) / milliseconds(root.duration)
  const height = TOP + ordered.length * ROW + 8
  const rows = ordered.map((span, index) => {
    const x = LEFT + (milliseconds(span.startTime) - began) * scale
    const width = Math.max(2, milliseconds(span.duration) * scale)
    const y = TOP + index * ROW
    const color = COLORS[span.kind] ?? (span.attributes['error.type'] ? ERROR : SUCCESS)
    const indent = 20 + 12 * (span === root ? 0 : span.kind === SpanKind.INTERNAL ? 1 : 2)
    const text = [format(milliseconds(span.duration)), details(span)].filter(Boolean).join(' · ')
    return `  <text x="${indent}" y="${y + 13}" fill="#1f2328">${span.name}</text>
  <rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="16" fill="${color}"/>
  <text x="${LEFT}" y="${y + 32}" font-size="12" fill="#59636e">${text}</text>`
  })
  const seconds = Array.from({ length: Math.floor(milliseconds(root.duration) / 500) + 1 })
  const axis = seconds.map((_, index) => {
    const x = (LEFT + index * 500 * scale).toFixed(1)
    return `  <path d="M${x} ${TOP - 12}V${height - 8}" stroke="#d1d9e0"/>
  <text x="${x}" y="${TOP - 17}" text-anchor="middle" font-size="12" fill="#59636e">${index / 2} s</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="13">
  <title>The spans of a slow call with two retries</title>
  <rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
  <text x="20" y="28" font-size="15" font-weight="600" fill="#1f2328">The spans of a slow call with two retries</text>
${axis.join('\n')}
${rows.join('\n')}
</svg>
`
}

writeFileSync(new URL('../docs/trace.svg', import.meta.url), picture(await record()))
