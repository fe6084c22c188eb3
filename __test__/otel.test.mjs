// `velt-auth/otel` with OpenTelemetry's SDK: the spans and metrics of calls against the emulator.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProxyTracerProvider, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { registerInstrumentations } from '@opentelemetry/instrumentation'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  AlwaysOffSampler,
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node'
import { VeltAuthInstrumentation } from 'velt-auth/otel'
import { emulateWithClient } from './support/emulator.mjs'

/** Date.now counts whole milliseconds; the emulator and the client round differently. */
const TOLERANCE = 2

const exporter = new InMemorySpanExporter()
const tracerProvider = new NodeTracerProvider({
  spanProcessors: [new SimpleSpanProcessor(exporter)],
})
tracerProvider.register()
const tracer = trace.getTracer('test')

/** Enables the instrumentation for one test. Returns the functions that read its spans and metrics. */
function instrument(t, config) {
  exporter.reset()
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({
    exporter: metricExporter,
    exportIntervalMillis: 3_600_000,
  })
  const meterProvider = new MeterProvider({ readers: [reader] })
  const instrumentation = new VeltAuthInstrumentation({ ...config, enabled: false })
  const unregister = registerInstrumentations({
    instrumentations: [instrumentation],
    tracerProvider,
    meterProvider,
  })
  t.after(async () => {
    unregister()
    await meterProvider.shutdown()
  })
  return {
    instrumentation,
    spans: () => exporter.getFinishedSpans(),
    /** The data points of each metric. */
    metrics: async () => {
      await reader.forceFlush()
      const { scopeMetrics } = metricExporter.getMetrics().at(-1)
      return Object.fromEntries(
        scopeMetrics
          .flatMap(({ metrics }) => metrics)
          .map(({ descriptor: { name, unit }, dataPoints }) => [name, { unit, dataPoints }]),
      )
    },
  }
}

const milliseconds = ([seconds, nanoseconds]) => seconds * 1000 + nanoseconds / 1e6
const ofKind = (spans, kind) => spans.filter((span) => span.kind === kind)

/** The attributes that do not depend on the run, and whether the timings are there. */
function stableAttributes({ attributes }) {
  const entries = Object.entries(attributes)
  const timings = entries.filter(([name]) => name.startsWith('velt_auth.timing.'))
  assert.ok(timings.every(([, value]) => typeof value === 'number' && value >= 0 && value < 60))
  return Object.fromEntries(entries.filter((entry) => !timings.includes(entry)))
}

/** The attributes of an attempt with this status, by the conventions. */
function httpAttributes(emulator, status, more) {
  const { hostname, port } = new URL(emulator.url)
  return {
    'http.request.method': 'POST',
    'server.address': hostname,
    'server.port': Number(port),
    'url.full': emulator.url + emulator.requests[0].path,
    ...(status && { 'network.protocol.version': '1.1', 'http.response.status_code': status }),
    ...more,
  }
}

/** The SDK starts spans of its own at a whole millisecond: then `tolerance` is needed. */
function assertInside(child, parent, tolerance = 0) {
  assert.equal(child.parentSpanContext?.spanId, parent.spanContext().spanId)
  assert.equal(child.spanContext().traceId, parent.spanContext().traceId)
  assert.ok(milliseconds(parent.startTime) <= milliseconds(child.startTime) + tolerance)
  assert.ok(milliseconds(child.endTime) <= milliseconds(parent.endTime) + tolerance)
}

test('a miss, a join and a hit: spans with their parents, and a link', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const { spans, metrics } = instrument(t)
  const calls = () => Promise.all([client.getToken('ada'), client.getToken('ada')])
  await tracer.startActiveSpan('page', async (page) => {
    await calls()
    await client.getToken('ada')
    page.end()
  })
  const page = spans().find(({ name }) => name === 'page')
  const internal = ofKind(spans(), SpanKind.INTERNAL).filter((span) => span !== page)
  const by = (cache) => internal.find(({ attributes }) => attributes['velt_auth.cache'] === cache)
  assert.equal(internal.length, 3)
  for (const span of internal) {
    assert.equal(span.name, 'velt-auth getToken')
    assert.equal(span.instrumentationScope.name, 'velt-auth')
    assert.equal(span.status.code, SpanStatusCode.UNSET)
    assertInside(span, page, TOLERANCE)
  }
  assert.deepEqual(by('hit').attributes, { 'velt_auth.cache': 'hit' })
  assert.deepEqual(
    by('joined').links.map(({ context }) => context.spanId),
    [by('miss').spanContext().spanId],
  )
  const [request, ...others] = ofKind(spans(), SpanKind.CLIENT)
  assert.equal(others.length, 0)
  assert.equal(request.name, 'POST')
  assert.deepEqual(stableAttributes(request), httpAttributes(emulator, 200))
  assertInside(request, by('miss'))

  const reported = await metrics()
  assert.equal(reported['http.client.request.duration'].dataPoints[0].value.count, 1)
  assert.deepEqual(
    new Set(reported['velt_auth.call.duration'].dataPoints.map(({ attributes }) => attributes)),
    new Set(['miss', 'joined', 'hit'].map((cache) => getToken({ 'velt_auth.cache': cache }))),
  )
})

test('two retries: a span for each attempt, with the times that the emulator saw', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const { spans, metrics } = instrument(t)
  emulator.fault({ status: 503, delay: 100 })
  emulator.fault({ status: 429, retryAfter: 1 })
  await client.generateToken('ada')
  const [call] = ofKind(spans(), SpanKind.INTERNAL)
  const requests = ofKind(spans(), SpanKind.CLIENT)
  assert.equal(call.name, 'velt-auth generateToken')
  assert.deepEqual(requests.map(stableAttributes), [
    httpAttributes(emulator, 503, { 'error.type': '503' }),
    httpAttributes(emulator, 429, {
      'error.type': '429',
      'http.request.resend_count': 1,
      'velt_auth.retry_after': 1,
    }),
    httpAttributes(emulator, 200, { 'http.request.resend_count': 2 }),
  ])
  const { ERROR, UNSET } = SpanStatusCode
  assert.deepEqual(
    requests.map(({ status }) => status.code),
    [ERROR, ERROR, UNSET],
  )
  for (const [index, request] of requests.entries()) {
    assertInside(request, call)
    const { receivedAt } = emulator.requests[index]
    assert.ok(milliseconds(request.startTime) <= receivedAt + TOLERANCE)
    assert.ok(receivedAt <= milliseconds(request.endTime) + TOLERANCE)
  }
  assert.ok(milliseconds(requests[0].duration) >= 100 - TOLERANCE)

  const { unit, dataPoints } = (await metrics())['http.client.request.duration']
  assert.equal(unit, 's')
  const { 'url.full': _, ...attributes } = httpAttributes(emulator, 503, { 'error.type': '503' })
  assert.deepEqual(dataPoints[0].attributes, attributes)
  assert.equal(dataPoints.length, 3, 'one for each status')
  assert.ok(dataPoints[0].value.sum >= 0.1 - TOLERANCE / 1000 && dataPoints[0].value.sum < 60)
  assert.deepEqual(dataPoints[0].value.buckets.boundaries.slice(0, 3), [0.005, 0.01, 0.025])
})

test('a timeout, an aborted call and an open circuit breaker', async (t) => {
  const { emulator, client } = await emulateWithClient(t, { timeout: 200, maxAttempts: 1 })
  const { instrumentation, spans, metrics } = instrument(t)
  instrumentation.observe(client)
  const errors = () => spans().map(({ kind, attributes }) => [kind, attributes['error.type']])
  const { CLIENT, INTERNAL } = SpanKind
  emulator.fault({ stall: 'headers', times: 2 })
  await assert.rejects(client.getToken('ada'))
  assert.deepEqual(errors(), [
    [CLIENT, 'ERR_VELT_TIMEOUT'],
    [INTERNAL, 'ERR_VELT_TIMEOUT'],
  ])
  const [request, call] = spans()
  assert.deepEqual(
    stableAttributes(request),
    httpAttributes(emulator, undefined, { 'error.type': 'ERR_VELT_TIMEOUT' }),
  )
  assert.ok(spans().every(({ status }) => status.code === SpanStatusCode.ERROR))
  assert.ok(milliseconds(request.duration) >= 200 - TOLERANCE)
  assertInside(request, call)

  exporter.reset()
  const controller = new AbortController()
  const aborted = client.generateToken('ada', { signal: controller.signal })
  while (emulator.requests.length < 2) await new Promise(setImmediate)
  controller.abort()
  await assert.rejects(aborted)
  assert.deepEqual(errors(), [
    [CLIENT, 'cancelled'],
    [INTERNAL, 'AbortError'],
  ])

  // With the timeout, these are five failures.
  emulator.fault({ status: 503, times: 4 })
  for (let call = 0; call < 4; call += 1) await assert.rejects(client.getToken('ada'))
  exporter.reset()
  await assert.rejects(client.getToken('ada'))
  assert.deepEqual(errors(), [[INTERNAL, 'ERR_VELT_UNAVAILABLE']])

  const reported = await metrics()
  const states = reported['velt_auth.circuit_breaker.state'].dataPoints
  assert.deepEqual(
    states.map(({ attributes, value }) => [attributes['velt_auth.circuit_breaker.state'], value]),
    [
      ['closed', 0],
      ['open', 1],
      ['half-open', 0],
    ],
  )
  const { unit, dataPoints } = reported['velt_auth.call.duration']
  assert.equal(unit, 's')
  assert.deepEqual(
    dataPoints.map(({ attributes, value }) => [attributes, value.count]),
    [
      [getToken({ 'error.type': 'ERR_VELT_TIMEOUT' }), 1],
      [{ 'velt_auth.method': 'generateToken', 'error.type': 'AbortError' }, 1],
      [getToken({ 'error.type': 'ERR_VELT_UNAVAILABLE' }), 5],
    ],
  )
})

const getToken = (more) => ({
  'velt_auth.method': 'getToken',
  'velt_auth.cache': 'miss',
  ...more,
})

test('a refresh is a trace of its own; an invalidation is a span of its caller', async (t) => {
  const { client } = await emulateWithClient(t, {}, { tokenLifetime: 2000 })
  const { spans } = instrument(t)
  const find = (wanted) => spans().find(({ name }) => name === `velt-auth ${wanted}`)
  while (client.stats().refreshes === 0) await client.getToken('ada', { minValidity: 0 })
  while (!find('refresh')) {
    client.stats()
    await new Promise(setImmediate)
  }
  assert.equal(find('refresh').parentSpanContext, undefined)
  assert.deepEqual(find('refresh').attributes, { 'velt_auth.refresh.source': 'velt' })
  assertInside(ofKind(spans(), SpanKind.CLIENT).at(-1), find('refresh'))

  await tracer.startActiveSpan('logout', async (logout) => {
    await client.invalidate({ userId: 'ada' })
    logout.end()
  })
  const logout = spans().find(({ name }) => name === 'logout')
  assertInside(find('invalidate'), logout, TOLERANCE)
})

test('traceparent is sent only with sendTraceparent, and names the span of the call', async (t) => {
  const { emulator, client } = await emulateWithClient(t, {}, { tokenLifetime: 2000 })
  const { instrumentation, spans } = instrument(t)
  const sent = () => emulator.requests.map(({ headers }) => headers.traceparent)
  await client.getToken('ada')
  assert.deepEqual(sent(), [undefined], 'not by default')

  instrumentation.setConfig({ sendTraceparent: true })
  emulator.reset()
  exporter.reset()
  emulator.fault({ status: 503 })
  await client.getToken('bob')
  await client.generateToken('bob')
  await client.permissions.get({ organizationId: 'acme', userIds: ['bob'] })
  const calls = ofKind(spans(), SpanKind.INTERNAL).map((span) => span.spanContext())
  const headers = calls.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`)
  assert.equal(headers.length, 3)
  assert.deepEqual(sent(), [headers[0], ...headers], 'each attempt of a call has its header')
  const requests = ofKind(spans(), SpanKind.CLIENT)
  assert.deepEqual(
    requests.map(({ parentSpanContext: { traceId, spanId } }) => `00-${traceId}-${spanId}-01`),
    sent(),
  )

  emulator.reset()
  while (client.stats().refreshes === 0) await client.getToken('bob', { minValidity: 0 })
  while (emulator.requests.length === 0) await new Promise(setImmediate)
  assert.deepEqual(sent(), [undefined], 'no call waits for a refresh')
})

test('sendTraceparent: a call without a sampled span says so, and without a span sends nothing', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const { instrumentation } = instrument(t, { sendTraceparent: true })
  const sent = () => emulator.requests.at(-1).headers.traceparent
  instrumentation.setTracerProvider(new NodeTracerProvider({ sampler: new AlwaysOffSampler() }))
  await client.generateToken('ada')
  assert.match(sent(), /^00-[\da-f]{32}-[\da-f]{16}-00$/)
  instrumentation.setTracerProvider(new ProxyTracerProvider())
  await client.generateToken('ada')
  assert.equal(sent(), undefined)
})

test('observe() reports the counters of a client', async (t) => {
  const { client } = await emulateWithClient(t)
  const { instrumentation, metrics } = instrument(t)
  const stop = instrumentation.observe(client, { 'app.client': 'main' })
  await client.getToken('ada')
  await client.getToken('ada')
  await assert.rejects(client.getToken({ userId: '' }))
  const attributes = { 'app.client': 'main' }
  const reported = await metrics()
  const values = {
    'velt_auth.cache.hits': ['{call}', 1],
    'velt_auth.cache.misses': ['{call}', 1],
    'velt_auth.cache.joins': ['{call}', 0],
    'velt_auth.cache.stale': ['{call}', 0],
    'velt_auth.credential_refusals': ['{refusal}', 0],
    'velt_auth.refreshes': ['{refresh}', 0],
    'velt_auth.shared_cache.hits': ['{lookup}', 0],
    'velt_auth.requests': ['{request}', 1],
    'velt_auth.requests.in_flight': ['{request}', 0],
    'velt_auth.requests.waiting': ['{request}', 0],
    'velt_auth.cache.entries': ['{token}', 1],
  }
  for (const [name, [unit, value]] of Object.entries(values)) {
    const points = reported[name].dataPoints
    assert.deepEqual([name, reported[name].unit, points[0].value], [name, unit, value])
    assert.deepEqual(points[0].attributes, attributes)
  }
  assert.deepEqual(reported['velt_auth.failures'].dataPoints[0].attributes, {
    ...attributes,
    'error.type': 'ERR_VELT_INVALID_USER',
  })
  stop()
  await client.getToken('ada')
  const later = await metrics()
  assert.equal(later['velt_auth.cache.hits']?.dataPoints.at(-1)?.value ?? 1, 1)
})

test('after disable() there are no spans', async (t) => {
  const { client } = await emulateWithClient(t)
  const { instrumentation, spans } = instrument(t)
  instrumentation.disable()
  await client.getToken('ada')
  assert.equal(spans().length, 0)
  instrumentation.enable()
  instrumentation.enable()
  await client.getToken('ada')
  assert.equal(spans().length, 1, 'enabled once')
})
